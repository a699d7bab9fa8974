#include "proto/kvp/slot.h"

#include <algorithm>

#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

constexpr size_t kPieceBytes = kSafeValueBytes;

// `text` and NULs up to `size` bytes; what is longer is cut.
void AppendField(std::string_view text, size_t size, std::string* records) {
  text = text.substr(0, size);
  records->append(text).append(size - text.size(), '\0');
}

std::string_view UntilNul(std::string_view field) {
  return field.substr(0, std::min(field.find('\0'), field.size()));
}

}  // namespace

std::string SafeText(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const size_t nul = std::min(text.find('\0'), text.size());
    AppendValidUtf8(text.substr(0, nul), &safe);
    if (nul < text.size()) safe += kReplacementCharacter;
    text.remove_prefix(std::min(nul + 1, text.size()));
  }
  return safe;
}

void AppendRecords(std::string_view key, std::string_view value, Profile profile,
                   std::string* records) {
  std::string safe_key, safe_value;
  if (profile == Profile::kSafe) {
    safe_key = SafeText(key);
    safe_value = SafeText(value);
    key = std::string_view(safe_key).substr(0, Utf8Boundary(safe_key, kSafeKeyBytes));
    value = safe_value;
  }
  while (!value.empty()) {
    const size_t size = profile == Profile::kSafe ? Utf8Boundary(value, kPieceBytes)
                                                  : std::min(value.size(), kPieceBytes);
    AppendField(key, kKeyBytes, records);
    AppendField(value.substr(0, size), kValueBytes, records);
    value.remove_prefix(size);
  }
}

bool FitsOneRecord(std::string_view value) {
  return !value.empty() && SafeText(value).size() <= kSafeValueBytes;
}

Pair DecodeRecord(std::string_view record) {
  return {UntilNul(record.substr(0, kKeyBytes)), UntilNul(record.substr(kKeyBytes, kValueBytes))};
}

}  // namespace sluice::kvp
