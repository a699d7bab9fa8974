// What a caller hands over with a span or an event, made ready for the recorder: deferred values
// are made, and where it stands in the program is added.
#pragma once

#include <cstddef>

#include "client/include/sluice/sluice.h"
#include "client/src/record_encoder.h"

namespace sluice {

struct GivenAttributes {
  const sluice_attribute* items;
  size_t count;
  const sluice_source* source;  // null: none
  // Whether the record is of use; else no deferred value is made. Null: it is.
  bool (*is_of_use)(const void* asked);
  const void* asked;

  // Whether it is more than a plain list.
  bool IsPlain() const {
    if (source != nullptr) return false;
    for (size_t i = 0; i < count; ++i) {
      if (items[i].type == SLUICE_DEFERRED) return false;
    }
    return true;
  }
};

// Calls `use(user, list)` once. A deferred value lives no longer than the call that makes it, so
// that `use` runs within those calls.
void ResolveAttributes(const GivenAttributes& given, void (*use)(void* user, AttributeList list),
                       void* user);

// Use(AttributeList), once.
template <typename Use>
void WithAttributes(const GivenAttributes& given, Use use) {
  if (given.IsPlain()) [[likely]]
    return use(AttributeList{given.items, given.count});
  ResolveAttributes(
      given, [](void* user, AttributeList list) { (*static_cast<Use*>(user))(list); }, &use);
}

}  // namespace sluice
