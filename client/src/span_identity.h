// Which span of which trace a new span is: its ids, its parent, and whether it is recorded.
#pragma once

#include "client/include/sluice/sluice.h"
#include "client/src/ids.h"
#include "client/src/sampler.h"
#include "client/src/span_slot.h"

namespace sluice {

// Whether it is outside any trace.
bool IsNone(const sluice_context& context);

// The context of the span in the slot, whose handle is `span`; what is reserved in it stays.
void SetContext(const SpanSlot& slot, uint64_t span, sluice_context* context);
sluice_context ContextIn(const SpanSlot& slot, uint64_t span);

struct Ancestry {
  const sluice_context& parent;
  const sluice_span_options& options;
  const IdMaker& ids;
};
// Fills in ids, parent, flags, trace state and baggage of a slot that the caller owns, whose
// `is_local` is set.
void SetIdentity(const Ancestry& ancestry, SpanSlot* slot);

// Leaves out the span, unless the sampler takes it. What is within it is of a trace that is not
// sampled, which its context says.
void Sample(const Sampler& sampler, bool has_parent, SpanSlot* slot);

}  // namespace sluice
