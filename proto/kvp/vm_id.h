// The VM id that Azure knows this machine by, out of what its firmware says.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// What stands in keys and reports when there is none.
inline constexpr std::string_view kNoVmId = "00000000-0000-0000-0000-000000000000";

// What a reporter is told then.
inline constexpr std::string_view kVmIdUnknown =
    "unable to determine the current VM ID automatically; pass --vm-id explicitly";

// Generation 1 VMs (BIOS: neither /sys/firmware/efi nor /dev/efi) show the first three fields of
// the id with their bytes swapped; generation 2 (UEFI) as they are.
enum class VmGeneration { kGen1, kGen2 };

// `product_uuid` is the content of /sys/class/dmi/id/product_uuid. Lower case, without blanks
// around it; what is no UUID is not swapped; empty stays empty.
std::string NormalizeVmId(std::string_view product_uuid, VmGeneration generation);

// This machine's, as its `sys` and `dev` below `root` tell; empty where it cannot be read, which
// takes the root user.
std::string ReadVmId(const std::string& root = "/");

}  // namespace sluice
