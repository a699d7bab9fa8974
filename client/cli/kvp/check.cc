#include "client/cli/kvp/check.h"

#include <map>
#include <string_view>

#include "client/cli/kvp/shift.h"
#include "client/cli/kvp/source.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

constexpr size_t kKeyUnits = kSafeKeyBytes;
constexpr size_t kValueUnits = kSafeValueBytes;
// A request of the host costs the daemon a read of the whole file.
constexpr size_t kManyRecords = 1000;

enum class Reading { kWhole, kCut, kFails };

// What the kernel makes of a text with room for `units` of UTF-16.
Reading ReadAsHost(std::string_view text, size_t units) {
  while (!text.empty()) {
    if (units == 0) return Reading::kCut;
    const Utf8Unit next = DecodeUtf8(text);
    if (!next.valid) return Reading::kFails;
    const size_t width = next.code_point > 0xFFFF ? 2 : 1;
    if (width > units) return Reading::kCut;
    units -= width;
    text.remove_prefix(next.size);
  }
  return Reading::kWhole;
}

class Checker {
 public:
  explicit Checker(const PoolImage& image) : image_(image), shifts_(FindShifts(image)) {}

  std::vector<Finding> Run() {
    auto shift = shifts_.begin();
    for (size_t i = 0; i < image_.size(); ++i) {
      for (; shift != shifts_.end() && shift->first_record == i; ++shift) AddShift(*shift);
      CheckRecord(i);
    }
    for (; shift != shifts_.end(); ++shift) AddShift(*shift);
    CheckFile();
    return std::move(findings_);
  }

 private:
  void Add(Harm harm, std::optional<size_t> record, std::string what) {
    findings_.push_back({harm, record, std::move(what)});
  }

  void AddShift(const Shift& shift) {
    const std::string bytes = std::to_string(shift.bytes);
    Add(Harm::kShifted, shift.first_record,
        "shifted by " + bytes + " bytes from record " + std::to_string(shift.first_record) +
            ": another program appended behind a torn record; 'sluice kvp clear' mends it and "
            "empties the pool, or cut the " +
            bytes + " bytes before byte " + std::to_string(shift.offset) +
            " out of the file while nobody writes");
  }

  void CheckRecord(size_t index) {
    const Pair text = image_.record(index);
    // strlen() of a key without NUL goes on into the value.
    const bool endless_key = text.key.size() == kKeyBytes;
    const std::string key = std::string(text.key) + std::string(endless_key ? text.value : "");
    CheckField(index, "key", ReadAsHost(key, kKeyUnits), kKeyUnits);
    CheckField(index, "value", ReadAsHost(text.value, kValueUnits), kValueUnits);
    // The shift tells why this record is strange.
    if (IsShifted(shifts_, index)) return;
    if (endless_key) Add(Harm::kConfusing, index, "the key has no NUL and runs into the value");
    if (text.value.size() == kValueBytes) {
      Add(Harm::kConfusing, index,
          "the value has no NUL: deleting an earlier record may damage it");
    }
    if (text.key.empty()) Add(Harm::kConfusing, index, "the key is empty");
    CheckDuplicate(index, text.key);
  }

  void CheckField(size_t index, const char* field, Reading reading, size_t units) {
    const std::string name(field);
    if (reading == Reading::kFails) {
      const size_t hidden = image_.size() - index - 1;
      Add(Harm::kHidesRest, index,
          "the " + name + " is not UTF-8: the host stops here and misses this record and the " +
              std::to_string(hidden) + " after it");
    } else if (reading == Reading::kCut) {
      Add(Harm::kCut, index,
          "the " + name + " is longer than " + std::to_string(units) + " UTF-16 units and is cut");
    }
  }

  void CheckDuplicate(size_t index, std::string_view key) {
    const auto [known, fresh] = first_.try_emplace(key, index);
    if (fresh || key.empty()) return;
    Add(Harm::kConfusing, index,
        "duplicate of record " + std::to_string(known->second) +
            "'s key: lookups by key see only one");
  }

  void CheckFile() {
    // What ends a file that is shifted to its end is whole.
    const bool is_torn = shifts_.empty() || shifts_.back().end_record != image_.size() ||
                         shifts_.back().bytes != image_.torn_bytes();
    if (is_torn && image_.torn_bytes() > 0) {
      Add(Harm::kFile, std::nullopt,
          std::to_string(image_.torn_bytes()) +
              " bytes of a torn record at the end: a plain append shifts every record after it");
    }
    if (image_.size() > kManyRecords) {
      Add(Harm::kFile, std::nullopt,
          std::to_string(image_.size()) + " records: the host reads slowly, the more so the more");
    }
  }

  const PoolImage& image_;
  const std::vector<Shift> shifts_;
  std::vector<Finding> findings_;
  std::map<std::string_view, size_t> first_;
};

}  // namespace

std::string_view HarmName(Harm harm) {
  switch (harm) {
    case Harm::kHidesRest:
      return "hides_rest";
    case Harm::kCut:
      return "cut";
    case Harm::kConfusing:
      return "confusing";
    case Harm::kShifted:
      return "shifted";
    case Harm::kFile:
      break;
  }
  return "file";
}

std::vector<Finding> Check(const PoolImage& image) { return Checker(image).Run(); }

}  // namespace sluice::kvp
