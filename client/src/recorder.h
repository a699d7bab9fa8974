// Turns what callers do into records in the ring.
//
// The rule of order: no record is in the ring before the START of each ancestor of its span in this
// process. A span gets its START when it first has a child or an event, when its fields outgrow its
// slot, or when the sender finds it older than the send interval. A span that ends before that
// travels whole.
//
// Fields that a span gets after its START wait in its slot, to travel together or with its END.
// They go into the ring before the next record of the span or of one within it, and before the
// sender sends anything: what a process said of its work must count for what it says next, and must
// be known when it is killed.
//
// Thread-safe. Locks of slots are taken from child to parent only.
#pragma once

#include <atomic>
#include <cstdint>

#include "client/src/clock.h"
#include "client/src/late_spans.h"
#include "client/src/record_encoder.h"
#include "client/src/ring.h"
#include "client/src/send/mailbox.h"
#include "client/src/span_pool.h"
#include "client/src/stderr/lines.h"

namespace sluice {

// What did not become a record.
struct DropCounters {
  std::atomic<uint64_t> suppressed{0};
  std::atomic<uint64_t> ring_full{0};
  std::atomic<uint64_t> span_limit{0};
  std::atomic<uint64_t> too_large{0};
};

class Recorder {
 public:
  // Ring, pool and `lines` stay the caller's and must outlive it. `root` is the context of threads
  // that have none. `lines` null: nothing is printed.
  Recorder(Ring* ring, SpanPool* pool, const sluice_context& root, StderrLines* lines = nullptr);

  // As sluice.h says of the functions of these names. After each the caller passes on to Mailbox
  // that there may be news.
  uint64_t StartSpan(std::string_view name, const sluice_span_options& options);
  void SetAttributes(uint64_t span, AttributeList attributes);
  void SetStatus(uint64_t span, sluice_status status, std::string_view message);
  void EndSpan(uint64_t span);
  sluice_context ContextOf(uint64_t span);
  void EmitEvent(std::string_view message, const sluice_event_options& options);
  // False: no such span is open.
  bool EmitSpanEvent(uint64_t span, std::string_view message, const sluice_event_options& options);

  // Whether such spans and events are printed here, wherever else they go.
  bool IsPrinted(Level level, std::string_view target) const {
    return lines_ != nullptr && lines_->printer().Wants(level, target);
  }

  // The calling thread's.
  sluice_context CurrentContext() const;

  // Makes the span known before something outside this process can refer to it.
  void Publish(uint64_t span);
  // The sender: STARTs of all open spans that began before `time`, and ENDs for which there was no
  // room. True: some open span is still without START.
  bool PublishOpenSpans(uint64_t time);
  // The sender, before it sends: late fields, of whatever spans have some.
  void PublishLateFields();
  // Anyone: likewise, and returns when they are in the ring, whoever is at it.
  void PublishAllLateFields();
  // Visit(trace id, span id) for each open span that has its START.
  template <typename Visit>
  void ForEachStarted(Visit visit);

  const Clock& clock() const { return clock_; }
  const DropCounters& drops() const { return drops_; }

 private:
  enum class Taken { kYes, kRingFull, kTooLarge };

  template <typename Record>
  Taken Put(const Record& record);
  bool PutOrCount(Taken taken);
  SpanSlot* LockOpen(uint64_t span);

  void Print(uint64_t span, const SpanSlot& slot, std::string_view name,
             const sluice_span_options& options);
  void Describe(SpanSlot* slot, std::string_view name, const sluice_span_options& options);
  void SetParent(SpanSlot* slot, const sluice_context& parent);
  void MakeCurrent(SpanSlot* slot, uint64_t span);
  void LeaveCurrent(uint64_t span, const sluice_context& previous);

  void AddAttribute(SpanSlot* slot, const sluice_attribute& attribute);
  bool WriteAttribute(SpanSlot* slot, const sluice_attribute& attribute);
  bool MakeRoom(SpanSlot* slot, size_t size);
  Taken PutBody(SpanSlot* slot, RecordKind kind, const sluice_attribute* attribute = nullptr);
  Taken SendBody(SpanSlot* slot, int depth);
  bool EnsureStarted(uint64_t span, int depth);
  void NoteLateFields(SpanSlot* slot);
  void SendLateFieldsOfOthers();
  // Late fields of `span` and of the spans around it, before a record within.
  void SendLateFieldsAround(uint64_t span) {
    if (late_.any()) [[unlikely]]
      SendLateFieldsUpwards(span);
  }
  void SendLateFieldsUpwards(uint64_t span);
  void Finish(SpanSlot* slot);
  void Free(SpanSlot* slot);
  void PublishSlot(SpanSlot* slot, uint64_t time, bool* has_young);

  Ring* const ring_;
  SpanPool* const pool_;
  const sluice_context root_;
  StderrLines* const lines_;
  const Clock clock_;
  DropCounters drops_;
  LateSpans late_;
};

template <typename Visit>
void Recorder::ForEachStarted(Visit visit) {
  pool_->ForEach([&](SpanSlot* slot) {
    const uint32_t generation = slot->state.generation();
    if (!slot->state.Has(SlotState::kStarted)) return;
    const bool is_held = slot->state.Lock(generation) || slot->state.LockEnding(generation);
    if (!is_held) return;
    const bool is_told = slot->state.Has(SlotState::kStarted) && !slot->is_local;
    if (is_told) visit(slot->trace_id, slot->span_id);
    slot->state.Unlock();
  });
}

}  // namespace sluice
