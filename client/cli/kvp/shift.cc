#include "client/cli/kvp/shift.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "client/cli/kvp/source.h"
#include "proto/kvp/key.h"

namespace sluice::kvp {
namespace {

// A key may follow torn text with nothing between.
constexpr std::array<std::string_view, 4> kBeginnings = {"azure-init-", "sluice-", "CLOUD_INIT|",
                                                         kReportKey};

// Where a key may begin: where a text does, and where a known one does.
std::vector<size_t> PossibleBeginnings(std::string_view bytes) {
  std::vector<size_t> beginnings;
  for (size_t at = bytes.find_first_not_of('\0'); at != bytes.npos;) {
    beginnings.push_back(at);
    at = bytes.find_first_not_of('\0', std::min(bytes.find('\0', at), bytes.size()));
  }
  for (const std::string_view beginning : kBeginnings) {
    for (size_t at = bytes.find(beginning); at != bytes.npos; at = bytes.find(beginning, at + 1)) {
      beginnings.push_back(at);
    }
  }
  std::sort(beginnings.begin(), beginnings.end());
  return beginnings;
}

bool IsKnownKey(std::string_view key) {
  const Source source = ParseKey(key);
  return source.writer == Writer::kReport || !source.uuid.empty();
}

bool IsKnownValue(std::string_view value) {
  static constexpr std::array<std::string_view, 4> kForms = {"Time: ", "Start: ", "{\"", "result="};
  return std::any_of(kForms.begin(), kForms.end(),
                     [value](std::string_view form) { return value.starts_with(form); });
}

// Whether a record begins at `offset`: a known key, zeros up to the end of its field, and a value
// as such a key's begins. Behind a text that quotes a key stands none.
bool BeginsRecord(std::string_view bytes, size_t offset) {
  const std::string_view field = bytes.substr(offset, kKeyBytes);
  const std::string_view key = field.substr(0, field.find('\0'));
  if (key.size() == field.size() || !IsKnownKey(key)) return false;
  if (field.find_first_not_of('\0', key.size()) != field.npos) return false;
  return IsKnownValue(bytes.substr(std::min(offset + kKeyBytes, bytes.size())));
}

}  // namespace

std::vector<Shift> FindShifts(const PoolImage& image) {
  const std::string_view bytes = image.bytes();
  std::vector<Shift> shifts;
  size_t shifted_by = 0;
  for (const size_t offset : PossibleBeginnings(bytes)) {
    if (offset % kRecordBytes == shifted_by || !BeginsRecord(bytes, offset)) continue;
    if (shifted_by != 0) shifts.back().end_record = offset / kRecordBytes;
    shifted_by = offset % kRecordBytes;
    if (shifted_by == 0) continue;
    shifts.push_back({.bytes = shifted_by,
                      .offset = offset,
                      .first_record = offset / kRecordBytes,
                      .end_record = image.size()});
  }
  return shifts;
}

bool IsShifted(const std::vector<Shift>& shifts, size_t record) {
  return std::any_of(shifts.begin(), shifts.end(),
                     [record](const Shift& shift) { return shift.Holds(record); });
}

}  // namespace sluice::kvp
