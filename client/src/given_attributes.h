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
};

// Whether they are as they are to be sent.
inline bool ArePlain(AttributeList list) {
  const sluice_attribute* const end = list.items + list.count;
  for (const sluice_attribute* next = list.items; next != end; ++next) {
    if (next->type == SLUICE_DEFERRED) return false;
  }
  return true;
}

// Calls `use(user, list)` once. A deferred value lives no longer than the call that makes it, so
// that `use` runs within those calls.
void ResolveAttributes(const GivenAttributes& given, void (*use)(void* user, AttributeList list),
                       void* user);

// Use(AttributeList), once, whatever they are.
template <typename Use>
[[gnu::noinline]] void WithResolvedAttributes(const GivenAttributes& given, Use use) {
  ResolveAttributes(
      given, [](void* user, AttributeList list) { (*static_cast<Use*>(user))(list); }, &use);
}

// Likewise, of what has no place in the program.
template <typename Use>
void WithAttributes(AttributeList list, Use use) {
  if (ArePlain(list)) [[likely]]
    return use(list);
  WithResolvedAttributes({list.items, list.count, nullptr, nullptr, nullptr}, use);
}

}  // namespace sluice
