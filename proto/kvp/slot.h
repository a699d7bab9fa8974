// The Hyper-V KVP pool's record: 2560 bytes, a key field of 512 and a value field of 2048, text
// ended by a NUL. A pool file is an array of them and nothing else (tools/hv/hv_kvp_daemon.c in
// Linux).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::kvp {

inline constexpr size_t kKeyBytes = 512;
inline constexpr size_t kValueBytes = 2048;
inline constexpr size_t kRecordBytes = kKeyBytes + kValueBytes;

// What reaches the host whole: the kernel hands over at most 256 - 2 and 1024 - 2 UTF-16 units (the
// text of a record, in bytes, never has fewer).
inline constexpr size_t kSafeKeyBytes = 254;
inline constexpr size_t kSafeValueBytes = 1022;

enum class Profile {
  // The host can read every record: valid UTF-8, a NUL in each field, cuts between code points.
  kSafe,
  // azure-init 0.1.1's bytes: cuts anywhere, a key of 512 bytes or more without a NUL.
  kStrict,
};

// Text as kSafe stores it: U+FFFD for NUL and for each maximal invalid subpart of UTF-8.
std::string SafeText(std::string_view text);

// Appends the records of one value: pieces of at most 1022 bytes, all under the same key. No record
// at all for an empty value. A longer key is cut; kvp_key.h builds keys that fit.
void AppendRecords(std::string_view key, std::string_view value, Profile profile,
                   std::string* records);

// Whether AppendRecords makes exactly one record of `value`, in the safe profile.
bool FitsOneRecord(std::string_view value);

// One record's text, each field cut at its first NUL: what comes after is not defined, since the
// daemon rewrites records without clearing them. Not necessarily UTF-8.
struct Pair {
  std::string_view key;
  std::string_view value;

  bool operator==(const Pair&) const = default;
};
// `record` has kRecordBytes bytes and must outlive the pair.
Pair DecodeRecord(std::string_view record);

}  // namespace sluice::kvp
