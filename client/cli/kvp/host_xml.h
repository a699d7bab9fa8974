// The pool as Hyper-V's own tools show it on the host: instances of Msvm_KvpExchangeDataItem in
// CIM's XML, as `(Get-CimInstance -Namespace root/virtualization/v2 Msvm_KvpExchangeComponent)
// .GuestExchangeItems` prints them. PowerShell writes files in UTF-16, with a byte order mark.
#pragma once

#include <optional>
#include <string_view>

#include "client/cli/kvp/pool_image.h"

namespace sluice::kvp {

// The items of `text` as records, in its order; such as have no name are left out. nullopt: it has
// no items.
std::optional<PoolImage> ReadHostXml(std::string_view text);

}  // namespace sluice::kvp
