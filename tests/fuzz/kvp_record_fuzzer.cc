// Whatever key and value come, the host can read the records. Input: the key's size in one byte,
// the key, the value.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/kvp/cloud_init.h"
#include "proto/kvp/key.h"
#include "proto/kvp/slot.h"
#include "proto/text/rust_debug.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckSafeField(std::string_view field, std::string_view text, size_t limit) {
  Require(text.size() <= limit && IsValidUtf8(text));
  Require(field.find_first_not_of('\0', text.size()) == std::string_view::npos);
}

std::string JoinSafeRecords(std::string_view records) {
  std::string value;
  Require(records.size() % kRecordBytes == 0);
  for (; !records.empty(); records.remove_prefix(kRecordBytes)) {
    const Pair pair = DecodeRecord(records.substr(0, kRecordBytes));
    CheckSafeField(records.substr(0, kKeyBytes), pair.key, kSafeKeyBytes);
    CheckSafeField(records.substr(kKeyBytes, kValueBytes), pair.value, kSafeValueBytes);
    value += pair.value;
  }
  return value;
}

void FuzzRecords(std::string_view key, std::string_view value) {
  std::string records;
  AppendRecords(key, value, Profile::kSafe, &records);
  Require(JoinSafeRecords(records) == SafeText(value));
  std::string strict;
  AppendRecords(key, value, Profile::kStrict, &strict);
  Require(strict.size() == (value.size() + kSafeValueBytes - 1) / kSafeValueBytes * kRecordBytes);
  if (value.size() >= kRecordBytes) DecodeRecord(value.substr(0, kRecordBytes));
}

void FuzzKey(std::string_view text) {
  constexpr std::string_view kUuid = "11111111-2222-4333-8444-555555555555";
  const size_t third = text.size() / 3;
  const std::string key = BuildKey({text.substr(0, third), text.substr(third, third), Level::kError,
                                    FormatEventName(text.substr(third), text), kUuid},
                                   Profile::kSafe);
  Require(key.size() <= kSafeKeyBytes && IsValidUtf8(key) && key.ends_with(kUuid));
  Require(std::count(key.begin(), key.end(), '|') == 4);
  Require(key.find('\0') == std::string::npos && key.find("|ERROR|") != std::string::npos);
}

void FuzzCloudInit(std::string_view name, std::string_view message) {
  constexpr std::string_view kUuid = "11111111-2222-4333-8444-555555555555";
  const CloudInitReport report = {
      .type = name, .name = name, .time = message, .result = name, .message = message};
  const auto records = CloudInitRecords(report, CloudInitPrefix(report), message, kUuid);
  Require(!records.empty());
  for (const auto& [key, value] : records) {
    Require(key.size() <= kSafeKeyBytes && IsValidUtf8(key));
    Require(key.starts_with("CLOUD_INIT|0|") && key.find(kUuid) != std::string::npos);
    Require(value.size() <= kSafeValueBytes && IsAscii(value) && value.ends_with("\"}"));
  }
}

void FuzzDebugText(std::string_view text) {
  std::string quoted;
  AppendRustDebug(text, &quoted);
  Require(IsValidUtf8(quoted) && quoted.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace sluice::kvp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const size_t key_size = std::min<size_t>(bytes[0] * 4, text.size());
  sluice::kvp::FuzzRecords(text.substr(0, key_size), text.substr(key_size));
  sluice::kvp::FuzzKey(text);
  sluice::kvp::FuzzCloudInit(text.substr(0, key_size), text.substr(key_size));
  sluice::kvp::FuzzDebugText(text.substr(0, 256));
  return 0;
}
