// Keeps what is worth keeping of segments that are to go: copies the entries of some users into a
// sparse segment, on a thread of its own.
//
// The copies go to the end of the sparse segment right before, where there is one with room of the
// same boot; the segment is removed once they are synced. Otherwise a sparse segment of the same
// name takes its place, by a rename. A power cut between these steps leaves entries twice, in the
// sparse segment and in the one behind it; those in the latter count, as always (docs/journal.md).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/mutex.h"
#include "agent/journal/checkpoint.h"
#include "agent/journal/segment_file.h"
#include "agent/journal/segment_reader.h"
#include "agent/journal/shared_state.h"

namespace sluice::journal {

// What a sparse segment takes before its first copy.
inline constexpr uint64_t kSparseOpeningBytes = kSegmentHeaderBytes + kFrameHeaderBytes;

// Owned by one thread, which begins and ends each job; the work is done on another.
class Archiver {
 public:
  struct Job {
    // Nothing is appended to it any more, and all of it is synced.
    std::shared_ptr<Segment> from;
    // The sparse segment right before `from`; null: there is none.
    std::shared_ptr<Segment> before;
    // The users (UserOf) whose entries are copied.
    std::set<uid_t> kept;
    uint64_t newest_unix_nano = 0;  // of `from`
    // Of the sparse segment that is written to: bytes, and from its beginning to its newest entry.
    uint64_t max_bytes = 0;
    uint64_t max_span_nano = 0;
  };
  // Only `status` is set where it failed: everything is as before then.
  struct Result {
    absl::Status status;
    // Of the sparse segment that holds the copies.
    uint64_t into = 0;
    // What they added to it, by user; its bytes and generation are those of the whole file.
    SegmentUsage added;
  };

  explicit Archiver(std::shared_ptr<SharedState> shared) : shared_(std::move(shared)) {}
  // Gives up what is under way.
  ~Archiver();

  // Not while busy.
  void Begin(Job job);
  // From Begin to TakeResult.
  bool is_busy() const { return is_busy_; }
  // nullopt: not done yet, or nothing to do.
  std::optional<Result> TakeResult();
  // Waits for it. Only while busy.
  Result WaitForResult();

 private:
  class Copy;

  void Run();
  Result Archive(const Job& job);
  Result AppendTo(const Job& job, SegmentReader* reader, const SegmentHeader& before);
  Result Replace(const Job& job, SegmentReader* reader);
  absl::Status Remove(const Job& job);

  const std::shared_ptr<SharedState> shared_;
  bool is_busy_ = false;
  std::thread thread_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<bool> has_result_{false};

  Mutex mutex_;
  CondVar changed_;
  std::optional<Job> job_ GUARDED_BY(mutex_);
  std::optional<Result> result_ GUARDED_BY(mutex_);
};

}  // namespace sluice::journal
