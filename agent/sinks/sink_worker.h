// Drives one sink on a thread of its own: reads the journal from the sink's cursor, filters, lets
// the sink write, and moves the cursor on. Whatever the sink does, nobody else waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/mutex.h"
#include "agent/journal/journal.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink.h"
#include "agent/stream/record_stream.h"
#include "proto/base/unique_fd.h"

namespace sluice::sinks {

// Started once, stopped once. All public functions are thread-safe.
class SinkWorker {
 public:
  using Clock = std::chrono::steady_clock;

  struct Status {
    std::string name;
    std::string destination;
    // `starting`, `ok`, `waiting` (the destination is not there yet), `failing` (or in a call that
    // takes too long).
    std::string state;
    uint64_t cursor = 0;
    uint64_t written_records = 0;
    uint64_t filtered_records = 0;
    std::string last_error;  // why it is not `ok`; empty while it is
  };

  // The journal outlives the worker.
  SinkWorker(std::unique_ptr<Sink> sink, std::shared_ptr<const filter::Filter> filter,
             journal::Journal* journal, Counters* counters);
  // Stop must have returned true, or the process be about to end.
  ~SinkWorker();

  void Start();

  // Calls `done(OK)` on the worker's thread once everything up to `sequence` is written and synced,
  // or `done(error)` when syncing failed. Returns what CancelFlush takes.
  uint64_t Flush(uint64_t sequence, std::function<void(absl::Status)> done);
  // Nobody waits for that flush any more, so it is not kept for as long as the sink hangs. `done`
  // may be called all the same, where it is just being called.
  void CancelFlush(uint64_t id);

  // Calls `order` on the worker's thread between two batches, or between two attempts while the
  // sink fails: it may not be open then. Never, where the worker stops before it.
  using Order = std::function<void(Sink&)>;
  void Do(Order order);

  void SetFilter(std::shared_ptr<const filter::Filter> filter);
  void Reopen();

  // Has the thread end once it wrote what is journalled up to now.
  void BeginStop();
  // BeginStop, and waits. False: `deadline` passed first; the thread is left behind, inside the
  // sink's I/O perhaps.
  bool Stop(Clock::time_point deadline);

  const std::string& name() const { return name_; }
  Status status() const;
  size_t flushes_waiting() const;

 private:
  struct FlushRequest {
    uint64_t id = 0;
    uint64_t sequence = 0;
    std::function<void(absl::Status)> done;
  };

  void Run();
  // Calls the sink, and lets status() know how long that takes.
  template <typename Function>
  auto CallSink(Function function);
  bool OpenSink();
  void Add(const Delivery& delivery);
  void ReadBatch();
  bool CommitBatch();
  // Commits, again and again until it succeeds; false: the worker is to end.
  bool Write();
  // From here on something is unsynced.
  void AwaitSync();
  void SyncIfDue();
  void AnswerFlushes(const absl::Status& sync_status);
  bool FlushIsDue() const EXCLUDES(mutex_);
  void TakeSettings();
  void RunOrders();
  bool Drained() const EXCLUDES(mutex_);
  // Waits before another attempt, as the sink tells or longer each time; false: the worker is to
  // end.
  bool BackOff(const absl::Status& error, absl::string_view state);
  void SetState(absl::string_view state, absl::string_view error);

  // Constant after construction.
  const std::string name_;
  journal::Journal* const journal_;
  Counters* const counters_;
  const std::unique_ptr<journal::Reader> reader_;

  // Of the worker's thread.
  const std::unique_ptr<Sink> sink_;
  RecordStream stream_;
  uint64_t read_sequence_ = 0;
  bool unsynced_ = false;
  Clock::time_point sync_due_;
  Clock::duration backoff_;

  std::atomic<uint64_t> cursor_{0};
  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> filtered_{0};
  // When the call that the sink is in began; the epoch: it is in none.
  std::atomic<Clock::time_point> in_call_since_{Clock::time_point()};

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<FlushRequest> flushes_ GUARDED_BY(mutex_);
  uint64_t last_flush_id_ GUARDED_BY(mutex_) = 0;
  std::vector<Order> orders_ GUARDED_BY(mutex_);
  std::shared_ptr<const filter::Filter> new_filter_ GUARDED_BY(mutex_);
  bool reopen_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  uint64_t stop_at_ GUARDED_BY(mutex_) = 0;
  bool abandoned_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::string state_ GUARDED_BY(mutex_) = "starting";
  std::string last_error_ GUARDED_BY(mutex_);

  // An eventfd, which ends a wait between two attempts: for an order, and once the thread is
  // abandoned.
  const UniqueFd wake_fd_;
  std::thread thread_;
};

}  // namespace sluice::sinks
