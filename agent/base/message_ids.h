// What an administrator may have to act on. packaging/systemd/sluice.catalog explains each of
// these, below the message in `journalctl -x`; `journalctl MESSAGE_ID=...` finds all of one kind.
#pragma once

#include "absl/strings/string_view.h"

namespace sluice {

inline constexpr absl::string_view kSinkFails = "a2d057caea1c4833ba83d99226298187";
inline constexpr absl::string_view kJournalSetAside = "b5ff47c4562e462e80f23d88380ee0d5";
inline constexpr absl::string_view kJournalInMemory = "7d4658bd02f54652906e55f2bd7ed8ce";
inline constexpr absl::string_view kJournalRefused = "fe5d424f9f534bf9a826a883276a653b";
inline constexpr absl::string_view kExportRefused = "73dc64eebc5c4895bfd3f60fb9665dec";
inline constexpr absl::string_view kConfigurationKept = "2b1e8c82caab4135b8a65493d38fa2b5";

}  // namespace sluice
