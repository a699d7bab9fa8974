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
#include "client/src/console/console.h"
#include "client/src/ids.h"
#include "client/src/late_spans.h"
#include "client/src/record_encoder.h"
#include "client/src/ring.h"
#include "client/src/sampler.h"
#include "client/src/send/mailbox.h"
#include "client/src/span_pool.h"
#include "client/src/stderr/lines.h"
#include "client/src/wanted_levels.h"

namespace sluice {

// What did not become a record.
struct DropCounters {
  std::atomic<uint64_t> suppressed{0};
  std::atomic<uint64_t> ring_full{0};
  std::atomic<uint64_t> span_limit{0};
  std::atomic<uint64_t> too_large{0};

  // Of what somebody wanted.
  uint64_t lost() const { return ring_full.load() + span_limit.load() + too_large.load(); }
};

class Recorder {
 public:
  struct Options {
    sluice_context root = {};              // of threads that have no context
    std::string_view default_target = {};  // of who names none; outlives the recorder
    Sampler sampler = {};
    IdMaker ids = {};
    StderrLines* lines = nullptr;  // null: nothing is printed
    Console* console = nullptr;    // null: nothing is shown
  };

  // Ring, pool and what options point to stay the caller's and must outlive it.
  Recorder(Ring* ring, SpanPool* pool, const Options& options);

  // As sluice.h says of the functions of these names. After each the caller passes on to Mailbox
  // that there may be news.
  // Of `options`, attributes are what is handed over beside them, none of them deferred.
  uint64_t StartSpan(std::string_view name, const sluice_span_options& options,
                     AttributeList attributes);
  void SetAttributes(uint64_t span, AttributeList attributes);
  void SetStatus(uint64_t span, sluice_status status, std::string_view message);
  void AddLink(uint64_t span, const sluice_link& link);
  void SetName(uint64_t span, std::string_view name);
  void AddBusy(uint64_t span, uint64_t ns);
  // At `unix_ns`; 0: now.
  void EndSpan(uint64_t span, uint64_t unix_ns = 0);
  sluice_context ContextOf(uint64_t span);
  void EmitEvent(std::string_view message, const sluice_event_options& options,
                 AttributeList attributes = {});
  // False: no such span is open.
  bool EmitSpanEvent(uint64_t span, std::string_view message, const sluice_event_options& options,
                     AttributeList attributes = {});

  std::string_view TargetOf(const sluice_text& given) const {
    return given.data == nullptr ? default_target_ : View(given);
  }
  // Whether anybody wants such spans and events, here or elsewhere.
  bool IsOfUse(Level level, std::string_view target) const {
    return IsWanted(level, target) || IsPrinted(level, target);
  }
  // Whether such spans and events are printed here, wherever else they go.
  bool IsPrinted(Level level, std::string_view target) const {
    return lines_ != nullptr && lines_->printer().Wants(level, target);
  }

  // The calling thread's.
  const sluice_context& CurrentContext() const;

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
  struct Begin {
    std::string_view name;
    std::string_view target;
    const sluice_span_options& options;
    AttributeList attributes;
  };

  template <typename Record>
  Taken Put(const Record& record);
  bool PutOrCount(Taken taken);
  SpanSlot* LockOpen(uint64_t span);

  uint64_t Refuse(sluice_start why, sluice_start* outcome);
  void Print(uint64_t span, const SpanSlot& slot, const Begin& begin);
  void Describe(SpanSlot* slot, const Begin& begin);
  void SetTarget(SpanSlot* slot, std::string_view target);
  void SetIds(SpanSlot* slot, const sluice_context& parent, const sluice_span_options& options);
  void AddFields(SpanSlot* slot, const Begin& begin);
  void MakeCurrent(SpanSlot* slot, uint64_t span);
  void LeaveCurrent(uint64_t span, const sluice_context& previous);

  template <typename Change>
  void ChangeOpen(uint64_t span, Change change);
  template <typename Append>
  void AppendOrSend(SpanSlot* slot, Append append);
  void AddAttributes(SpanSlot* slot, AttributeList list);
  void AddAttribute(SpanSlot* slot, const sluice_attribute& attribute);
  void AddBaggage(SpanSlot* slot);
  static SpanRecord RecordOf(const SpanSlot& slot, RecordKind kind,
                             const sluice_attribute* attribute = nullptr);
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
  const std::string_view default_target_;
  const Sampler sampler_;
  const IdMaker ids_;
  StderrLines* const lines_;
  Console* const console_;
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
    const bool is_told = slot->state.Has(SlotState::kStarted) && !slot->is_untold;
    if (is_told) visit(slot->trace_id, slot->span_id);
    slot->state.Unlock();
  });
}

}  // namespace sluice
