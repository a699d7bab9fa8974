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

#include "client/src/thread_state.h"
#include "client/src/tracestate_store.h"
#include "client/src/wanted_levels.h"
#include "proto/kvp/report.h"
#include "proto/record/record_writer.h"
#include "proto/trace/uuid.h"

namespace sluice {
namespace {

constexpr size_t kNameBytes = 256;
constexpr size_t kStatusMessageBytes = 256;
// How far up STARTs are made up for at once; only a ring that was full leaves such chains.
constexpr int kChainDepth = 64;
// Of a thread's current spans, when one ends that is not the innermost.
constexpr int kNestingDepth = 256;

constexpr uint8_t kSampledAndRandom = 0x03;

Level LevelOf(sluice_level level) { return level == 0 ? Level::kInfo : static_cast<Level>(level); }

bool IsNone(const sluice_context& context) {
  static constexpr uint8_t kZero[16] = {};
  return std::memcmp(context.trace_id, kZero, 16) == 0;
}

// No filter keeps a provisioning report from the host.
bool IsReport(const sluice_event_options& options) {
  const sluice_attribute* const end = options.attributes + options.attribute_count;
  return std::any_of(options.attributes, end,
                     [](const auto& one) { return View(one.key) == kHealthReport; });
}

void Count(std::atomic<uint64_t>* counter) { counter->fetch_add(1, std::memory_order_relaxed); }

BufferWireWriter BodyWriter(SpanSlot* slot) {
  return BufferWireWriter(
      BufferSink(slot->body + slot->body_size, SpanSlot::kBodyBytes - slot->body_size));
}

void WriteNumber(uint64_t number, uint8_t* to) { std::memcpy(to, &number, sizeof(number)); }

// To others than this process, what is within a local span is within the span around it.
sluice_context ContextIn(const SpanSlot& slot, uint64_t span) {
  const SpanId& span_id = slot.is_local ? slot.parent_id : slot.span_id;
  sluice_context context = {};
  std::memcpy(context.trace_id, slot.trace_id.bytes.data(), sizeof(context.trace_id));
  std::memcpy(context.span_id, span_id.bytes.data(), sizeof(context.span_id));
  context.is_remote = slot.is_local && (slot.w3c_flags & kParentIsRemote) != 0 ? 1 : 0;
  context.span = span;
  context.trace_state = slot.trace_state;
  context.trace_flags = static_cast<uint8_t>(slot.w3c_flags);
  return context;
}

}  // namespace

Recorder::Recorder(Ring* ring, SpanPool* pool, const sluice_context& root, StderrLines* lines)
    : ring_(ring), pool_(pool), root_(root), lines_(lines) {}

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

uint64_t Recorder::StartSpan(std::string_view name, const sluice_span_options& options) {
  const bool is_wanted = IsWanted(LevelOf(options.level), View(options.target));
  if (!is_wanted) {
    Count(&drops_.suppressed);
    if (!IsPrinted(LevelOf(options.level), View(options.target))) return 0;
  }
  SpanSlot* const slot = pool_->Take(&thread_state.magazine);
  if (slot == nullptr) {
    Count(&drops_.span_limit);
    return 0;
  }
  const uint64_t span = pool_->HandleOf(*slot);
  slot->is_local = !is_wanted;
  Describe(slot, name, options);
  for (size_t i = 0; i < options.attribute_count; ++i) AddAttribute(slot, options.attributes[i]);
  if (!options.is_detached) MakeCurrent(slot, span);
  if (lines_ != nullptr) [[unlikely]]
    Print(span, *slot, name, options);
  // Its attributes outgrew its slot, and there were more after them.
  const bool has_late_fields = slot->state.Has(SlotState::kStarted) && slot->body_size != 0;
  slot->state.Open();
  if (has_late_fields && LockOpen(span) != nullptr) [[unlikely]] {
    NoteLateFields(slot);
    slot->state.Unlock();
  }
  return span;
}

void Recorder::Print(uint64_t span, const SpanSlot& slot, std::string_view name,
                     const sluice_span_options& options) {
  lines_->SpanStarted({.span = span,
                       .parent = slot.parent_span,
                       .name = CutText(name, kNameBytes),
                       .target = slot.target(),
                       .level = static_cast<Level>(slot.level),
                       .time = slot.start_time,
                       .attributes = {options.attributes, options.attribute_count}});
}

void Recorder::Describe(SpanSlot* slot, std::string_view name, const sluice_span_options& options) {
  SetParent(slot, options.parent != nullptr ? *options.parent : CurrentContext());
  WriteNumber(thread_state.random.Next(), slot->span_id.bytes.data());
  slot->start_time = clock_.UnixNano();
  slot->end_time = 0;
  slot->level = static_cast<uint8_t>(LevelOf(options.level));
  slot->kind = static_cast<uint8_t>(options.kind == 0 ? SLUICE_INTERNAL : options.kind);
  slot->is_current = false;
  const std::string_view target = CutText(View(options.target), SpanSlot::kTargetBytes);
  CopyShort(slot->target_text, target.data(), target.size());
  slot->target_size = static_cast<uint16_t>(target.size());
  slot->attribute_count = 0;
  slot->bare.reset();
  slot->body_size = 0;
  BufferWireWriter body = BodyWriter(slot);
  WriteSpanName(body, CutText(name, kNameBytes));
  slot->body_size = static_cast<uint16_t>(body.size());
}

void Recorder::SetParent(SpanSlot* slot, const sluice_context& parent) {
  slot->parent_span = parent.span;
  slot->trace_state = parent.trace_state;
  if (IsNone(parent)) {
    slot->trace_id = {};
    slot->parent_id = {};
    slot->w3c_flags = kParentRemoteKnown | kSampledAndRandom;
    if (slot->is_local) return slot->state.Add(SlotState::kStarted);
    WriteNumber(thread_state.random.Next(), slot->trace_id.bytes.data());
    WriteNumber(thread_state.random.Next(), slot->trace_id.bytes.data() + 8);
    ShapeAsUuid4(&slot->trace_id);
    return;
  }
  std::memcpy(slot->trace_id.bytes.data(), parent.trace_id, sizeof(parent.trace_id));
  std::memcpy(slot->parent_id.bytes.data(), parent.span_id, sizeof(parent.span_id));
  const unsigned remote = parent.is_remote != 0 ? kParentIsRemote : 0u;
  slot->w3c_flags = static_cast<uint16_t>(kParentRemoteKnown | remote | parent.trace_flags);
  EnsureStarted(parent.span, 0);
}

sluice_context Recorder::CurrentContext() const {
  // A local span of no trace is a context, too.
  const bool is_none = IsNone(thread_state.current) && thread_state.current.span == 0;
  return is_none ? root_ : thread_state.current;
}

void Recorder::MakeCurrent(SpanSlot* slot, uint64_t span) {
  slot->previous = thread_state.current;
  slot->is_current = true;
  thread_state.current = ContextIn(*slot, span);
}

// Where the span is not the innermost, the one within it gets its place in the chain.
void Recorder::LeaveCurrent(uint64_t span, const sluice_context& previous) {
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

void Recorder::SetAttributes(uint64_t span, AttributeList attributes) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return;
  for (size_t i = 0; i < attributes.count; ++i) AddAttribute(slot, attributes.items[i]);
  if (lines_ != nullptr) [[unlikely]]
    lines_->AttributesSet(span, attributes);
  NoteLateFields(slot);
  slot->state.Unlock();
}

void Recorder::AddAttribute(SpanSlot* slot, const sluice_attribute& attribute) {
  if (slot->is_local) return;
  if (WriteAttribute(slot, attribute)) [[likely]]
    return;
  if (!PutOrCount(SendBody(slot, 0)) || WriteAttribute(slot, attribute)) return;
  // Too long for any body.
  PutOrCount(PutBody(slot, RecordKind::kSpanUpdate, &attribute));
}

// False: the body has no room for it.
bool Recorder::WriteAttribute(SpanSlot* slot, const sluice_attribute& attribute) {
  if (slot->attribute_count == limits::kAttributes) return false;
  BufferWireWriter body = BodyWriter(slot);
  EncodeSpanAttribute(attribute, &body);
  if (!body.ok()) return false;
  slot->body_size = static_cast<uint16_t>(slot->body_size + body.size());
  if (attribute.type == SLUICE_BARE) slot->bare.set(slot->attribute_count);
  ++slot->attribute_count;
  return true;
}

bool Recorder::MakeRoom(SpanSlot* slot, size_t size) {
  return slot->body_size + size <= SpanSlot::kBodyBytes || PutOrCount(SendBody(slot, 0));
}

// The span's fields so far; the slot has room anew. A lone attribute follows them in a record of
// its own.
Recorder::Taken Recorder::PutBody(SpanSlot* slot, RecordKind kind,
                                  const sluice_attribute* attribute) {
  if (kind != RecordKind::kSpanUpdate) SendLateFieldsAround(slot->parent_span);
  if (attribute != nullptr) slot->bare[0] = attribute->type == SLUICE_BARE;
  const Taken taken = Put(SpanRecord{.kind = kind,
                                     .slot = *slot,
                                     .trace_state = TracestateText(slot->trace_state),
                                     .body = {slot->body, slot->body_size},
                                     .bare = slot->bare,
                                     .attribute = attribute});
  if (taken == Taken::kYes || attribute != nullptr) {
    slot->body_size = 0;
    slot->attribute_count = 0;
    slot->bare.reset();
    if (slot->state.Has(SlotState::kLate)) [[unlikely]]
      late_.Remove(slot);
  }
  return taken;
}

// As START or, after it, as UPDATE.
Recorder::Taken Recorder::SendBody(SpanSlot* slot, int depth) {
  const bool is_started = slot->state.Has(SlotState::kStarted);
  if (!is_started && !EnsureStarted(slot->parent_span, depth + 1)) return Taken::kRingFull;
  if (slot->is_local) {
    slot->body_size = 0;
    slot->state.Add(SlotState::kStarted);
    return Taken::kYes;
  }
  if (is_started && slot->body_size == 0) return Taken::kYes;
  const Taken taken = PutBody(slot, is_started ? RecordKind::kSpanUpdate : RecordKind::kSpanStart);
  if (taken == Taken::kYes) slot->state.Add(SlotState::kStarted);
  return taken;
}

bool Recorder::EnsureStarted(uint64_t span, int depth) {
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
  const bool is_late =
      slot->state.Has(SlotState::kStarted) && slot->body_size != 0 && !slot->is_local;
  if (is_late && !slot->state.Has(SlotState::kLate)) late_.Add(slot);
}

// Where the ring has no room for an UPDATE the fields wait on.
void Recorder::SendLateFieldsUpwards(uint64_t span) {
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
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return;
  const std::string_view text = CutText(message, kStatusMessageBytes);
  if (MakeRoom(slot, StatusFieldSize(text))) {
    BufferWireWriter body = BodyWriter(slot);
    WriteSpanStatus(body, static_cast<StatusCode>(static_cast<unsigned>(status) & 3), text);
    slot->body_size = static_cast<uint16_t>(slot->body_size + body.size());
  }
  NoteLateFields(slot);
  slot->state.Unlock();
  if (lines_ == nullptr) [[likely]]
    return;
  lines_->StatusSet(span, status == SLUICE_FAILED ? std::optional(text) : std::nullopt);
}

void Recorder::EndSpan(uint64_t span) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return;
  const uint64_t end_time = clock_.UnixNano();
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
  if (lines_ != nullptr) [[unlikely]]
    lines_->SpanEnded(span, end_time);
}

// An END that finds no room is kept in its slot: the agent would take the span for open. A whole
// span is dropped.
void Recorder::Finish(SpanSlot* slot) {
  if (slot->is_local) return Free(slot);
  if (slot->state.Has(SlotState::kStarted)) {
    if (PutBody(slot, RecordKind::kSpanEnd) != Taken::kYes) {
      slot->state.Add(SlotState::kEnding);
      slot->state.Unlock();
      return;
    }
  } else if (EnsureStarted(slot->parent_span, 0)) {
    PutOrCount(PutBody(slot, RecordKind::kSpan));
  } else {
    Count(&drops_.ring_full);
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

void Recorder::EmitEvent(std::string_view message, const sluice_event_options& options) {
  const Level level = LevelOf(options.level);
  const std::string_view target = CutText(View(options.target), limits::kTargetBytes);
  const bool is_wanted = IsWanted(level, target) || IsReport(options);
  if (!is_wanted) {
    Count(&drops_.suppressed);
    if (!IsPrinted(level, target)) return;
  }
  const sluice_context context = options.context != nullptr ? *options.context : CurrentContext();
  const AttributeList attributes = {options.attributes, options.attribute_count};
  const BareSet bare = BareAttributes(attributes);
  const EventRecord event = {.level = level,
                             .target = target,
                             .message = message,
                             .time = clock_.UnixNano(),
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
                             const sluice_event_options& options) {
  SpanSlot* const slot = LockOpen(span);
  if (slot == nullptr) return false;
  const sluice_context context = ContextIn(*slot, span);
  char target[SpanSlot::kTargetBytes];
  CopyShort(target, slot->target_text, slot->target_size);
  sluice_event_options in_span = options;
  if (options.target.size == 0) in_span.target = {target, slot->target_size};
  slot->state.Unlock();
  in_span.context = &context;
  EmitEvent(message, in_span);
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
