// Problem: Any number of threads begin, change and end spans, also each other's, and none may wait
// for the agent. The ring may be full at any call. The sender works on the same slots.
//
// States: A slot is free; then its thread fills it, where nobody else sees it; then it is open.
// EnsureStarted or SendBody puts the START into the ring (kStarted). Fields set after that wait in
// the slot (kLate): they go with the span's next record, or before one within it, or when the
// sender is about to send. EndSpan puts the END, or the whole span, and frees the slot. An END for
// which there is no room stays (kEnding) until the sender has put it.
//
// Invariants:
// * A span's own records are put by whoever holds its slot, or fills it. So their order in the ring
//   is that of the calls.
// * body, body_size, attribute_count and bare are what no record has yet. They are cleared once it
//   is in the ring, so a record that found no room leaves them to the next.
// * A started span keeps its slot until its END is in the ring. Otherwise the agent would take it
//   for open until the process ends. One that was not started may be dropped whole, since the agent
//   knows nothing of it.
// * Put encodes between Reserve and Commit and calls nothing that waits: an entry not committed
//   stops the sender for all threads.

#include "client/src/recorder.h"

#include <algorithm>
#include <cstring>

#include "client/src/baggage_store.h"
#include "client/src/span_body.h"
#include "client/src/span_identity.h"
#include "client/src/thread_state.h"
#include "client/src/tracestate_store.h"
#include "client/src/wanted_levels.h"
#include "proto/kvp/report.h"
#include "proto/record/record_writer.h"

namespace sluice {
namespace {

// How far up STARTs are made up for at once; only a ring that was full leaves such chains.
constexpr int kChainDepth = 64;
// Of a thread's current spans, when one ends that is not the innermost.
constexpr int kNestingDepth = 256;

Level LevelOf(sluice_level level) { return level == 0 ? Level::kInfo : static_cast<Level>(level); }

// No filter keeps a provisioning report from the host.
bool IsReport(AttributeList attributes) {
  return std::any_of(attributes.items, attributes.items + attributes.count,
                     [](const auto& one) { return View(one.key) == kHealthReport; });
}

void Count(std::atomic<uint64_t>* counter) { counter->fetch_add(1, std::memory_order_relaxed); }

}  // namespace

Recorder::Recorder(Ring* ring, SpanPool* pool, const Options& options)
    : ring_(ring),
      pool_(pool),
      root_(options.root),
      default_target_(options.default_target),
      sampler_(options.sampler),
      ids_(options.ids),
      lines_(options.lines),
      console_(options.console) {}

template <typename Record>
Recorder::Taken Recorder::Put(const Record& record) {
  const RecordSizes sizes = Measure(record);
  if (sizes.record > limits::kRecordBytes) return Taken::kTooLarge;
  char* const bytes = ring_->Reserve(sizes.field);
  if (bytes == nullptr) return Taken::kRingFull;
  Encode(record, sizes, bytes);
  ring_->Commit(bytes, sizes.field);
  return Taken::kYes;
}

bool Recorder::PutOrCount(Taken taken) {
  if (taken == Taken::kRingFull) Count(&drops_.ring_full);
  if (taken == Taken::kTooLarge) Count(&drops_.too_large);
  return taken == Taken::kYes;
}

SpanSlot* Recorder::LockOpen(uint64_t span) {
  SpanSlot* const slot = pool_->Find(span);
  return slot != nullptr && slot->state.Lock(SpanPool::GenerationOf(span)) ? slot : nullptr;
}

[[gnu::noinline]] uint64_t Recorder::Refuse(sluice_start why, sluice_start* outcome) {
  if (outcome != nullptr) *outcome = why;
  if (why == SLUICE_TOO_MANY) Count(&drops_.span_limit);
  return 0;
}

// Flattened with EndSpan, since a span's cost is that of its calls; what is seldom reached is a
// call.
[[gnu::flatten]] uint64_t Recorder::StartSpan(std::string_view name,
                                              const sluice_span_options& options,
                                              AttributeList attributes) {
  const Begin begin = {name, TargetOf(options.target), options, attributes};
  const Level level = LevelOf(options.level);
  const bool is_wanted = IsWanted(level, begin.target);
  if (!is_wanted) {
    Count(&drops_.suppressed);
    if (!IsPrinted(level, begin.target)) return Refuse(SLUICE_UNWANTED, options.outcome);
  }
  SpanSlot* const slot = pool_->Take(&thread_state.magazine);
  if (slot == nullptr) return Refuse(SLUICE_TOO_MANY, options.outcome);
  if (options.outcome != nullptr) *options.outcome = SLUICE_STARTED;
  const uint64_t span = pool_->HandleOf(*slot);
  slot->is_local = slot->is_untold = !is_wanted;
  Describe(slot, begin);
  AddFields(slot, begin);
  if (!options.is_detached) MakeCurrent(slot, span);
  if (lines_ != nullptr) [[unlikely]]
    Print(span, *slot, begin);
  // Its attributes outgrew its slot, and there were more after them.
  const bool has_late_fields = slot->state.Has(SlotState::kStarted) && slot->body_size != 0;
  slot->state.Open();
  if (has_late_fields && LockOpen(span) != nullptr) [[unlikely]] {
    NoteLateFields(slot);
    slot->state.Unlock();
  }
  return span;
}

[[gnu::noinline]] void Recorder::Print(uint64_t span, const SpanSlot& slot, const Begin& begin) {
  lines_->SpanStarted({.span = span,
                       .parent = slot.parent_span,
                       .name = CutText(begin.name, kNameBytes),
                       .target = slot.target(),
                       .level = static_cast<Level>(slot.level),
                       .time = slot.start_time,
                       .attributes = begin.attributes});
}

void Recorder::Describe(SpanSlot* slot, const Begin& begin) {
  const sluice_span_options& options = begin.options;
  SetIds(slot, options.parent != nullptr ? *options.parent : CurrentContext(), options);
  slot->start_time = options.start_unix_ns != 0 ? options.start_unix_ns : clock_.UnixNano();
  slot->end_time = 0;
  slot->busy_ns = 0;
  slot->level = static_cast<uint8_t>(LevelOf(options.level));
  slot->kind = static_cast<uint8_t>(options.kind == 0 ? SLUICE_INTERNAL : options.kind);
  slot->is_current = false;
  slot->has_status = false;
  SetTarget(slot, begin.target);
  ClearBody(slot);
}

void Recorder::SetTarget(SpanSlot* slot, std::string_view target) {
  const std::string_view cut = CutText(target, SpanSlot::kTargetBytes);
  CopyShort(slot->target_text, cut.data(), cut.size());
  slot->target_size = static_cast<uint16_t>(cut.size());
}

void Recorder::SetIds(SpanSlot* slot, const sluice_context& parent,
                      const sluice_span_options& options) {
  SetIdentity({parent, options, ids_}, slot);
  if (!IsNone(parent)) EnsureStarted(parent.span, 0);
  if (sampler_.is_default()) [[likely]]
    return;
  Sample(sampler_, !IsNone(parent), slot);
  if (slot->is_untold && !slot->is_local) Count(&drops_.suppressed);
}

void Recorder::AddFields(SpanSlot* slot, const Begin& begin) {
  if (slot->is_untold) return;
  AppendName(begin.name, slot);
  AddAttributes(slot, begin.attributes);
  for (size_t i = 0; i < begin.options.link_count; ++i) {
    AppendOrSend(slot, [&] { return AppendLink(begin.options.links[i], slot); });
  }
  if (slot->baggage != 0) AddBaggage(slot);
}

const sluice_context& Recorder::CurrentContext() const {
  const sluice_context& current = thread_state.current;
  // A local span of no trace is a context, too, and so is baggage.
  return IsNone(current) && (current.span | current.baggage) == 0 ? root_ : current;
}

void Recorder::MakeCurrent(SpanSlot* slot, uint64_t span) {
  slot->previous = thread_state.current;
  slot->is_current = true;
  SetContext(*slot, span, &thread_state.current);
}

// Where it is not the innermost, the one within it gets its place in the chain.
[[gnu::noinline]] void Recorder::LeaveCurrent(uint64_t span, const sluice_context& previous) {
  if (thread_state.current.span == span) {
    thread_state.current = previous;
    return;
  }
  uint64_t inner = thread_state.current.span;
  for (int depth = 0; depth < kNestingDepth && inner != 0; ++depth) {
    SpanSlot* const slot = LockOpen(inner);
    if (slot == nullptr) return;
    inner = slot->is_current ? slot->previous.span : 0;
    const bool is_next = inner == span;
    if (is_next) slot->previous = previous;
    slot->state.Unlock();
    if (is_next) return;
  }
}

// Whatever fields change(slot) adds to a span that is open are late ones.
template <typename Change>
void Recorder::ChangeOpen(uint64_t span, Change change) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return;
  change(slot);
  NoteLateFields(slot);
  slot->state.Unlock();
}

// `append` answers whether the body had room. Where it had not, it has when it was sent.
template <typename Append>
void Recorder::AppendOrSend(SpanSlot* slot, Append append) {
  if (slot->is_untold || append()) return;
  if (PutOrCount(SendBody(slot, 0))) append();
}

void Recorder::SetAttributes(uint64_t span, AttributeList attributes) {
  ChangeOpen(span, [&](SpanSlot* slot) { AddAttributes(slot, attributes); });
  if (lines_ != nullptr) lines_->AttributesSet(span, attributes);
}

void Recorder::AddAttributes(SpanSlot* slot, AttributeList list) {
  if (slot->is_untold) return;
  for (size_t i = AppendShortAttributes(list, slot); i < list.count; ++i) {
    AddAttribute(slot, list.items[i]);
  }
}

[[gnu::noinline]] void Recorder::AddAttribute(SpanSlot* slot, const sluice_attribute& attribute) {
  if (AppendAttribute(attribute, slot)) return;
  if (!PutOrCount(SendBody(slot, 0)) || AppendAttribute(attribute, slot)) return;
  // Too long for any body.
  PutOrCount(PutBody(slot, RecordKind::kSpanUpdate, &attribute));
}

[[gnu::noinline]] void Recorder::AddBaggage(SpanSlot* slot) {
  WithBaggageAttributes(slot->baggage, [&](const EncodedAttributes& attributes) {
    if (AppendEncoded(attributes, slot)) return;
    for (const std::string_view field : FieldRange(attributes.fields, span_field::kAttributes)) {
      const AttributeView member = ReadAttribute(field);
      AddAttribute(slot, {.key = {member.key.data(), member.key.size()},
                          .type = SLUICE_STRING,
                          .value = {.text = {member.value.text.data(), member.value.text.size()}}});
    }
  });
}

void Recorder::AddLink(uint64_t span, const sluice_link& link) {
  ChangeOpen(span,
             [&](SpanSlot* slot) { AppendOrSend(slot, [&] { return AppendLink(link, slot); }); });
}

void Recorder::SetName(uint64_t span, std::string_view name) {
  ChangeOpen(span,
             [&](SpanSlot* slot) { AppendOrSend(slot, [&] { return AppendName(name, slot); }); });
}

void Recorder::AddBusy(uint64_t span, uint64_t ns) {
  ChangeOpen(span, [&](SpanSlot* slot) { slot->busy_ns += ns; });
}

SpanRecord Recorder::RecordOf(const SpanSlot& slot, RecordKind kind,
                              const sluice_attribute* attribute) {
  return {.kind = kind,
          .slot = slot,
          .trace_state = TracestateText(slot.trace_state),
          .body = {slot.body, slot.body_size},
          .bare = slot.bare,
          .attribute = attribute};
}

// The span's fields so far; the slot has room anew. A lone attribute follows them in a record of
// its own.
Recorder::Taken Recorder::PutBody(SpanSlot* slot, RecordKind kind,
                                  const sluice_attribute* attribute) {
  if (kind != RecordKind::kSpanUpdate) SendLateFieldsAround(slot->parent_span);
  if (attribute != nullptr) slot->bare[0] = attribute->type == SLUICE_BARE;
  // Of its own, so that the other one stays in registers.
  if (console_ != nullptr) console_->Take(RecordOf(*slot, kind, attribute));
  const Taken taken = Put(RecordOf(*slot, kind, attribute));
  if (taken == Taken::kYes || attribute != nullptr) {
    ClearBody(slot);
    if (slot->state.Has(SlotState::kLate)) [[unlikely]]
      late_.Remove(slot);
  }
  return taken;
}

// As START or, after it, as UPDATE.
Recorder::Taken Recorder::SendBody(SpanSlot* slot, int depth) {
  const bool is_started = slot->state.Has(SlotState::kStarted);
  if (!is_started && !EnsureStarted(slot->parent_span, depth + 1)) return Taken::kRingFull;
  if (slot->is_untold) {
    slot->state.Add(SlotState::kStarted);
    return Taken::kYes;
  }
  if (is_started && slot->body_size == 0) return Taken::kYes;
  const Taken taken = PutBody(slot, is_started ? RecordKind::kSpanUpdate : RecordKind::kSpanStart);
  if (taken == Taken::kYes) slot->state.Add(SlotState::kStarted);
  return taken;
}

[[gnu::noinline]] bool Recorder::EnsureStarted(uint64_t span, int depth) {
  SpanSlot* const slot = pool_->Find(span);
  if (slot == nullptr) return true;
  const uint32_t generation = SpanPool::GenerationOf(span);
  if (slot->state.Is(generation, SlotState::kStarted)) return true;
  if (depth > kChainDepth) return false;
  // A span that has ended has left all its records in the ring.
  if (!slot->state.Lock(generation)) return true;
  const bool is_started =
      slot->state.Has(SlotState::kStarted) || SendBody(slot, depth) == Taken::kYes;
  slot->state.Unlock();
  return is_started;
}

// By who holds it, after adding to its body.
void Recorder::NoteLateFields(SpanSlot* slot) {
  const bool is_late = slot->state.Has(SlotState::kStarted) && slot->body_size != 0;
  if (is_late && !slot->state.Has(SlotState::kLate)) late_.Add(slot);
}

// Where the ring has no room for an UPDATE the fields wait on.
[[gnu::noinline]] void Recorder::SendLateFieldsUpwards(uint64_t span) {
  while (span != 0 && late_.any()) {
    SpanSlot* const slot = LockOpen(span);
    // It ended before what is within it, and nobody knows any more what is around it.
    if (slot == nullptr) return SendLateFieldsOfOthers();
    if (slot->state.Has(SlotState::kLate)) SendBody(slot, 0);
    span = slot->parent_span;
    slot->state.Unlock();
  }
}

// Of all spans but those that somebody holds: the caller may hold one of them itself.
void Recorder::SendLateFieldsOfOthers() {
  pool_->ForEach([this](SpanSlot* slot) {
    if (!slot->state.Has(SlotState::kLate)) return;
    if (!slot->state.TryLock(slot->state.generation())) return;
    if (slot->state.Has(SlotState::kLate)) SendBody(slot, 0);
    slot->state.Unlock();
  });
}

void Recorder::PublishLateFields() {
  if (!late_.any()) return;
  late_.TakeListed([this](SpanSlot* slot) {
    if (!slot->state.Has(SlotState::kLate) || !slot->state.Lock(slot->state.generation())) return;
    if (slot->state.Has(SlotState::kLate) && SendBody(slot, 0) != Taken::kYes) late_.List(slot);
    slot->state.Unlock();
  });
}

void Recorder::PublishAllLateFields() {
  if (!late_.any()) return;
  pool_->ForEach([this](SpanSlot* slot) {
    if (!slot->state.Has(SlotState::kLate) || !slot->state.Lock(slot->state.generation())) return;
    if (slot->state.Has(SlotState::kLate)) SendBody(slot, 0);
    slot->state.Unlock();
  });
}

void Recorder::Publish(uint64_t span) {
  EnsureStarted(span, 0);
  SendLateFieldsAround(span);
}

void Recorder::SetStatus(uint64_t span, sluice_status status, std::string_view message) {
  message = CutText(message, kStatusMessageBytes);
  bool counts = true;
  ChangeOpen(span, [&](SpanSlot* slot) {
    counts = status != SLUICE_UNWOUND || !slot->has_status;
    slot->has_status = true;
    if (status == SLUICE_UNWOUND) status = SLUICE_FAILED;
    if (counts) AppendOrSend(slot, [&] { return AppendStatus(status, message, slot); });
  });
  if (lines_ == nullptr || !counts) return;
  lines_->StatusSet(span, status == SLUICE_FAILED ? std::optional(message) : std::nullopt);
}

[[gnu::flatten]] void Recorder::EndSpan(uint64_t span, uint64_t unix_ns) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return;
  const uint64_t end_time = unix_ns == 0 ? clock_.UnixNano() : std::max(unix_ns, slot->start_time);
  slot->end_time = end_time;
  const bool is_current = slot->is_current;
  if (is_current && thread_state.current.span == span) [[likely]] {
    thread_state.current = slot->previous;
    Finish(slot);
  } else {
    const sluice_context previous = slot->previous;
    Finish(slot);
    if (is_current) LeaveCurrent(span, previous);
  }
  // Not while the slot is held: a stderr that nobody reads may take for ever.
  if (lines_ != nullptr) lines_->SpanEnded(span, end_time);
  if (console_ != nullptr) console_->Write();
}

// An END that finds no room is kept in its slot: the agent would take the span for open. A whole
// span is dropped.
void Recorder::Finish(SpanSlot* slot) {
  if (slot->is_untold) return Free(slot);
  if (slot->state.Has(SlotState::kStarted)) {
    if (PutBody(slot, RecordKind::kSpanEnd) != Taken::kYes) {
      slot->state.Add(SlotState::kEnding);
      slot->state.Unlock();
      return;
    }
  } else if (slot->parent_span == 0 || EnsureStarted(slot->parent_span, 0)) {
    PutOrCount(PutBody(slot, RecordKind::kSpan));
  } else {
    Count(&drops_.ring_full);
    if (console_ != nullptr) console_->Take(RecordOf(*slot, RecordKind::kSpan));
  }
  Free(slot);
}

void Recorder::Free(SpanSlot* slot) {
  slot->state.Close();
  if (!thread_state.is_registered) [[unlikely]]
    RegisterThread();
  pool_->Give(slot, &thread_state.magazine);
}

sluice_context Recorder::ContextOf(uint64_t span) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return {};
  const sluice_context context = ContextIn(*slot, span);
  slot->state.Unlock();
  return context;
}

void Recorder::EmitEvent(std::string_view message, const sluice_event_options& options,
                         AttributeList attributes) {
  const Level level = LevelOf(options.level);
  const std::string_view target = CutText(TargetOf(options.target), limits::kTargetBytes);
  const bool is_wanted = IsWanted(level, target) || IsReport(attributes);
  if (!is_wanted) Count(&drops_.suppressed);
  if (!is_wanted && !IsPrinted(level, target)) return;
  const sluice_context& context = options.context != nullptr ? *options.context : CurrentContext();
  const BareSet bare = BareAttributes(attributes);
  const EventRecord event = {.level = level,
                             .target = target,
                             .message = message,
                             .time = options.unix_ns != 0 ? options.unix_ns : clock_.UnixNano(),
                             .context = context,
                             .attributes = attributes,
                             .bare = bare};
  if (lines_ != nullptr) [[unlikely]]
    lines_->Event(event);
  if (!is_wanted) return;
  if (!EnsureStarted(context.span, 0)) return Count(&drops_.ring_full);
  SendLateFieldsAround(context.span);
  PutOrCount(Put(event));
}

bool Recorder::EmitSpanEvent(uint64_t span, std::string_view message,
                             const sluice_event_options& options, AttributeList attributes) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return false;
  const sluice_context context = ContextIn(*slot, span);
  char target[SpanSlot::kTargetBytes];
  CopyShort(target, slot->target_text, slot->target_size);
  sluice_event_options in_span = options;
  if (options.target.size == 0) in_span.target = {target, slot->target_size};
  slot->state.Unlock();
  in_span.context = &context;
  EmitEvent(message, in_span, attributes);
  return true;
}

bool Recorder::PublishOpenSpans(uint64_t time) {
  bool has_young = false;
  pool_->ForEach([&](SpanSlot* slot) { PublishSlot(slot, time, &has_young); });
  pool_->Empty(&thread_state.magazine);
  return has_young;
}

void Recorder::PublishSlot(SpanSlot* slot, uint64_t time, bool* has_young) {
  const uint32_t generation = slot->state.generation();
  if (slot->state.Has(SlotState::kEnding) && slot->state.LockEnding(generation)) {
    Finish(slot);
    *has_young |= slot->state.Has(SlotState::kEnding);
  } else if (slot->state.Is(generation, SlotState::kOpen) &&
             !slot->state.Has(SlotState::kStarted) && slot->state.Lock(generation)) {
    const bool is_due = slot->start_time < time;
    const bool is_started =
        slot->state.Has(SlotState::kStarted) || (is_due && SendBody(slot, 0) == Taken::kYes);
    *has_young |= !is_started;
    slot->state.Unlock();
  }
}

}  // namespace sluice
