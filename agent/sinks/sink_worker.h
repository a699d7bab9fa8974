// Drives one sink on a thread of its own: reads the journal from the sink's cursor, filters, lets
// the sink write, and moves the cursor on. Whatever the sink does, nobody else waits for it. What
// root waits for does not wait for others' entries (root_ahead.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/journal/journal.h"
#include "agent/self/counters.h"
#include "agent/sinks/cost_meter.h"
#include "agent/sinks/flush_queue.h"
#include "agent/sinks/reading_pace.h"
#include "agent/sinks/root_ahead.h"
#include "agent/sinks/sink.h"
#include "agent/sinks/sink_health.h"
#include "agent/sinks/sink_load.h"
#include "agent/sinks/sleeper.h"
#include "agent/stream/record_stream.h"

namespace sluice::sinks {

// Started once, stopped once. All public functions are thread-safe.
class SinkWorker final : public SinkLoad {
 public:
  // What is pointed to outlives the worker.
  struct Options {
    // Of the sink among all, and of its cursor: `kvp`, `otlp.backup`. At most 38 bytes.
    std::string name;
    std::shared_ptr<const filter::Filter> filter;
    // A flush that names no sink waits for it.
    bool flushed_by_default = true;
    journal::Journal* journal = nullptr;
    Counters* counters = nullptr;
    const Clock* clock = &Clock::System();
  };
  using Status = SinkStatus;

  SinkWorker(std::unique_ptr<Sink> sink, Options options);
  // The thread must have ended, or the process be about to end.
  ~SinkWorker() override;

  void Start();

  // Calls `done(OK)` on the worker's thread once everything up to `sequence` is written and synced,
  // or `done(error)` when syncing failed. kRoots: everything of root's, which then goes before what
  // others sent. Returns what CancelFlush takes.
  enum class Whose { kAll, kRoots };
  uint64_t Flush(uint64_t sequence, FlushQueue::Done done, Whose whose = Whose::kAll);
  // Writes and syncs root's entries up to `sequence` before what others sent.
  void PutRootFirst(uint64_t sequence);
  // Nobody waits for that flush any more, so it is not kept for as long as the sink hangs. `done`
  // may be called all the same, where it is just being called.
  void CancelFlush(uint64_t id) { flushes_.Cancel(id); }

  // Calls `job` on the worker's thread between two records, or between two attempts while the sink
  // fails: it may not be open then. Never, where the worker ends before it.
  using Job = std::function<void(Sink&)>;
  void RunOnWorker(Job job);

  // Ends the wait for the next attempt, also one that the destination asked for. False: it is not
  // waiting for one.
  bool RetryNow() { return sleeper_.Cut(); }

  void SetFilter(std::shared_ptr<const filter::Filter> filter);
  void Reopen();

  // Has the thread end once it wrote what is journalled up to now. A call of the sink that fails
  // from here on is not repeated: the thread ends, and the next start goes on from the cursor.
  void BeginStop();
  // Waits; false: `deadline` passed first.
  bool AwaitEnd(std::chrono::steady_clock::time_point deadline);
  // Since BeginStop, how long the sink has been in the call that it is in.
  std::chrono::nanoseconds CallLasts() const;
  // Sink::Cancel, for such a call.
  void CancelCall() { sink_->Cancel(); }
  // The thread ends as soon as the call does, and is left behind until then.
  void Abandon();

  const std::string& name() const override { return options_.name; }
  bool flushed_by_default() const { return options_.flushed_by_default; }
  Status status() const;
  size_t flushes_waiting() const { return flushes_.size(); }

  uint64_t passed() const override { return passed_.load(std::memory_order_relaxed); }
  bool is_working() const override { return health_.is_working(); }
  uint64_t NanosPerUnit(uid_t uid) const override { return meter_.NanosPerUnit(uid); }

 private:
  void Run();
  uint64_t Now() const { return options_.clock->BootNano(); }
  // For what waits: the time at which Now() is `due`; 0: at once.
  std::chrono::steady_clock::time_point WaitUntil(uint64_t due) const;

  // Calls the sink, and lets status() know how long that takes.
  template <typename Function>
  auto CallSink(Function function);
  void RunInCall(const Job& job);
  // Calls `attempt` again and again until it succeeds. False: the worker is to end.
  template <typename Attempt>
  bool Persist(Attempt attempt);
  // Tells of a failed attempt and waits until the next; false: there is to be none. `is_last`: the
  // attempt began when the worker was stopping.
  bool AwaitRetry(const absl::Status& error, bool is_last);

  void Add(const stream::Delivery& delivery);
  // False: the sink is to be given no more.
  bool MakeRoom(uid_t uid);
  void ReadBatch();
  void ReadEntry(journal::Entry* entry);
  bool IsFull() const;
  // How long more is waited for after an entry; 0: not at all.
  uint64_t WaitForMoreUntil();
  bool HasUnwritten() const;
  bool CommitBatch();
  bool Write();
  // From here on something is unsynced.
  void AwaitSync();
  bool SyncIfDue();
  bool FlushIsDue() const { return flushes_.IsDue(place()); }
  FlushQueue::Place place() const;
  // Jobs, flushes that are due, and what root waits for; between two records.
  void Attend();
  void ServeRoot();
  void TakeAhead(uint64_t sequence);
  uint64_t Delivered() const { return stream_.delivered() + ahead_.delivered(); }
  void TakeSettings();
  void RunJobs();
  // Everything up to where it is to stop.
  bool HasReadAll() const EXCLUDES(mutex_);
  bool Drained() const EXCLUDES(mutex_);
  bool IsStopping() const EXCLUDES(mutex_);
  bool IsAbandoned() const EXCLUDES(mutex_);
  void Wake();

  // Constant after construction.
  const Options options_;
  const std::unique_ptr<Sink> sink_;
  const SinkPolicy policy_;
  const std::unique_ptr<journal::Reader> reader_;

  // Of the worker's thread. Times are Now().
  stream::RecordStream stream_;
  RootAhead ahead_;
  CostMeter meter_;
  uint64_t read_sequence_ = 0;
  bool in_roots_entry_ = false;
  ReadingPace pace_;
  // How much the queue may read, and how long, before what root waits for goes first; 0: nothing is
  // waited for.
  uint64_t root_first_at_ = 0;
  uint64_t root_first_from_ = 0;
  bool unsynced_ = false;
  uint64_t sync_due_ = 0;
  size_t unsynced_entry_bytes_ = 0;  // read since the last attempt to sync
  uint64_t last_sync_ = 0;
  // When the oldest pending record was taken in; 0: none is, or the policy does not ask.
  uint64_t oldest_pending_ = 0;
  std::chrono::milliseconds backoff_;
  // A call failed and is not repeated. What is delivered now is for the next start.
  bool gave_up_ = false;
  int empty_reads_ = 0;  // in a row, while stopping

  std::atomic<uint64_t> cursor_{0};
  std::atomic<uint64_t> passed_{0};
  // When the first entry behind cursor_ came that was read; 0: none was.
  std::atomic<uint64_t> oldest_unix_nano_{0};
  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> filtered_{0};
  SinkHealth health_;
  FlushQueue flushes_;
  // Attend has something to do.
  std::atomic<bool> has_duty_{false};

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Job> jobs_ GUARDED_BY(mutex_);
  std::shared_ptr<const filter::Filter> new_filter_ GUARDED_BY(mutex_);
  bool reopen_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  uint64_t stopping_since_ GUARDED_BY(mutex_) = 0;
  uint64_t stop_at_ GUARDED_BY(mutex_) = 0;
  bool abandoned_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;

  Sleeper sleeper_;  // between two attempts
  std::thread thread_;
};

}  // namespace sluice::sinks
