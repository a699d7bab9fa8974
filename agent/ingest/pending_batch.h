// One batch on its way through admission, looked at in slices.
#pragma once

#include <optional>
#include <string_view>

#include "agent/ingest/batch_pass.h"

namespace sluice::ingest {

// A batch may hold a million records, and the thread serves others too. Nothing of it is taken
// before its last slice, which takes all that is to be taken of it. As long as it is under way,
// nothing else of its user should be admitted: where that happens all the same, or a process of the
// user ends with spans open, or others took the room for spans, the batch is looked at from the
// start again, since what was decided of its spans may be wrong.
class Admission::PendingBatch {
 public:
  // What a slice ends after; it takes some 200 us.
  struct Slice {
    size_t fields = 1024;
    size_t bytes = 256 * 1024;
  };

  // Where the journal is full and makes room: whether the end waits for that, for two seconds.
  enum class WhenFull { kWait, kRefuse };

  // All outlive it.
  PendingBatch(Admission* admission, const Sender* sender, journal::Urgency urgency,
               WhenFull when_full = WhenFull::kWait)
      : admission_(admission), sender_(sender), urgency_(urgency), when_full_(when_full) {}
  ~PendingBatch();

  PendingBatch(const PendingBatch&) = delete;
  PendingBatch& operator=(const PendingBatch&) = delete;

  // Looks at a slice of `batch`, the same each time; where it lies elsewhere than the last time it
  // is looked at from the start again. nullopt: there is more. Else as Admission::Admit, and only
  // the end is left.
  std::optional<absl::StatusOr<Admitted>> Work(std::string_view batch) { return Work(batch, {}); }
  std::optional<absl::StatusOr<Admitted>> Work(std::string_view batch, const Slice& slice);

 private:
  friend class Admission;

  absl::Status Begin(std::string_view batch);
  absl::StatusOr<Admitted> Finish();
  // After a Finish that the journal refused.
  bool WaitsForRoom();
  absl::Status FindClient();

  Admission* const admission_;
  const Sender* const sender_;
  const journal::Urgency urgency_;
  const WhenFull when_full_;
  uint64_t room_wait_ends_ = 0;  // 0: there was room
  std::optional<BatchPass> pass_;
  const char* place_ = nullptr;
  journal::BatchHead head_;
  // Null: the sender is none. Valid for as long as a slice lasts.
  ClientRegistry::Client* client_ = nullptr;
  bool is_stale_ = false;
  bool is_listed_ = false;  // with the admission
};

}  // namespace sluice::ingest
