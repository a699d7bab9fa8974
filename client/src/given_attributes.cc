#include "client/src/given_attributes.h"

#include <array>

#include "proto/record/limits.h"

namespace sluice {
namespace {

// Walks the list; where a value is deferred the rest of the walk is done by who takes it.
class Resolution {
 public:
  Resolution(const GivenAttributes& given, void (*use)(void*, AttributeList), void* user)
      : given_(given),
        use_(use),
        user_(user),
        is_of_use_(given.is_of_use == nullptr || given.is_of_use(given.asked)) {}

  void GoOn() {
    while (next_ < given_.count && count_ < kMost) {
      const sluice_attribute& attribute = given_.items[next_++];
      if (attribute.type != SLUICE_DEFERRED) {
        list_[count_++] = attribute;
      } else if (is_of_use_) {
        key_ = attribute.key;
        is_taken_ = false;
        attribute.value.deferred.make(attribute.value.deferred.object, Take, this);
        if (is_used_) return;
        is_taken_ = true;
      }
    }
    Finish();
  }

 private:
  static constexpr size_t kSourceAttributes = 3;
  // One more than a record takes, so that it counts what was too much.
  static constexpr size_t kMost = limits::kAttributes + 1;

  static void Take(void* self, const sluice_attribute* value) {
    auto* const resolution = static_cast<Resolution*>(self);
    if (resolution->is_taken_ || value->type == SLUICE_DEFERRED) return;
    resolution->is_taken_ = true;
    sluice_attribute& added = resolution->list_[resolution->count_++];
    added = *value;
    added.key = resolution->key_;
    resolution->GoOn();
  }

  void Add(const char* key, sluice_type type, sluice_text text, int64_t integer) {
    if (type == SLUICE_STRING && text.size == 0) return;
    sluice_attribute& added = list_[count_++];
    added = {.key = sluice_str(key), .type = type, .value = {}};
    if (type == SLUICE_STRING) {
      added.value.text = text;
    } else {
      added.value.integer = integer;
    }
  }

  void Finish() {
    if (const sluice_source* const source = given_.source) {
      Add("code.file.path", SLUICE_STRING, source->file, 0);
      Add("code.line.number", SLUICE_INT, {}, source->line);
      Add("code.function.name", SLUICE_STRING, source->function, 0);
    }
    is_used_ = true;
    use_(user_, {list_.data(), count_});
  }

  const GivenAttributes& given_;
  void (*const use_)(void*, AttributeList);
  void* const user_;
  const bool is_of_use_;
  size_t next_ = 0;
  size_t count_ = 0;
  sluice_text key_ = {};  // of the value being made
  bool is_taken_ = true;  // it was taken, or none is being made
  bool is_used_ = false;
  std::array<sluice_attribute, kMost + kSourceAttributes> list_;  // set as far as `count_`
};

}  // namespace

void ResolveAttributes(const GivenAttributes& given, void (*use)(void* user, AttributeList list),
                       void* user) {
  Resolution(given, use, user).GoOn();
}

}  // namespace sluice
