#include "client/src/span_identity.h"

#include <cstring>

#include "proto/record/record_writer.h"
#include "proto/trace/context.h"

namespace sluice {
namespace {

void SetRoot(const Ancestry& ancestry, SpanSlot* slot) {
  slot->parent_id = {};
  slot->w3c_flags = kParentRemoteKnown | kSampledFlag | kRandomTraceIdFlag;
  ancestry.ids.MakeRoot(&slot->trace_id, &slot->span_id);
  const uint8_t* const given = ancestry.options.trace_id;
  if (slot->is_local) {
    slot->trace_id = {};
    slot->state.Add(SlotState::kStarted);
  } else if (given != nullptr) {
    std::memcpy(slot->trace_id.bytes.data(), given, TraceId::kBytes);
  }
}

void SetChild(const Ancestry& ancestry, SpanSlot* slot) {
  const sluice_context& parent = ancestry.parent;
  ancestry.ids.MakeSpanId(&slot->span_id);
  std::memcpy(slot->trace_id.bytes.data(), parent.trace_id, sizeof(parent.trace_id));
  std::memcpy(slot->parent_id.bytes.data(), parent.span_id, sizeof(parent.span_id));
  const unsigned remote = parent.is_remote != 0 ? kParentIsRemote : 0u;
  slot->w3c_flags = static_cast<uint16_t>(kParentRemoteKnown | remote | parent.trace_flags);
}

}  // namespace

bool IsNone(const sluice_context& context) {
  uint64_t halves[2];
  std::memcpy(halves, context.trace_id, sizeof(halves));
  return (halves[0] | halves[1]) == 0;
}

// Other processes cannot see a span that was never sent: its children name its parent instead.
void SetContext(const SpanSlot& slot, uint64_t span, sluice_context* context) {
  const SpanId& span_id = slot.is_local ? slot.parent_id : slot.span_id;
  std::memcpy(context->trace_id, slot.trace_id.bytes.data(), sizeof(context->trace_id));
  std::memcpy(context->span_id, span_id.bytes.data(), sizeof(context->span_id));
  context->is_remote = slot.is_local && (slot.w3c_flags & kParentIsRemote) != 0 ? 1 : 0;
  context->span = span;
  context->trace_state = slot.trace_state;
  context->trace_flags = static_cast<uint8_t>(slot.w3c_flags);
  context->baggage = slot.baggage;
}

sluice_context ContextIn(const SpanSlot& slot, uint64_t span) {
  sluice_context context = {};
  SetContext(slot, span, &context);
  return context;
}

void SetIdentity(const Ancestry& ancestry, SpanSlot* slot) {
  slot->parent_span = ancestry.parent.span;
  slot->trace_state = ancestry.parent.trace_state;
  slot->baggage = ancestry.parent.baggage;
  if (IsNone(ancestry.parent)) {
    SetRoot(ancestry, slot);
  } else {
    SetChild(ancestry, slot);
  }
  const uint8_t* const given = ancestry.options.span_id;
  if (given != nullptr) [[unlikely]]
    std::memcpy(slot->span_id.bytes.data(), given, SpanId::kBytes);
}

[[gnu::noinline]] void Sample(const Sampler& sampler, bool has_parent, SpanSlot* slot) {
  const unsigned flags = slot->w3c_flags;
  const bool is_taken =
      sampler.Takes(slot->trace_id, has_parent, static_cast<uint8_t>(slot->w3c_flags));
  slot->w3c_flags = static_cast<uint16_t>(is_taken ? flags | kSampledFlag : flags & ~kSampledFlag);
  if (!is_taken) slot->is_untold = true;
}

}  // namespace sluice
