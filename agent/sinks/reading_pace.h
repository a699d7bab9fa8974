// How much of its queue a sink's worker has read, and when it is time to look up from it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sluice::sinks {

// Owned by the worker's thread.
class ReadingPace {
 public:
  // What is read before jobs, flushes and root have their turn, within an entry, too.
  static constexpr size_t kStepRecords = 64;
  // Large records take as long as many: so many bytes of an entry count as a record.
  static constexpr uint64_t kBytesOfRecord = 2048;

  void BeginEntry() { entry_begins_ = read_; }
  // Each is true where a step is over.
  bool Count(size_t records) {
    read_ += records;
    step_left_ -= std::min(step_left_, records);
    if (step_left_ > 0) return false;
    step_left_ = kStepRecords;
    return true;
  }
  bool EndEntry(size_t bytes) {
    const uint64_t least = bytes / kBytesOfRecord;
    return least > read_of_entry() && Count(least - read_of_entry());
  }

  // In all, and since the entry began.
  uint64_t read() const { return read_; }
  uint64_t read_of_entry() const { return read_ - entry_begins_; }
  // Until the step is over.
  size_t step_left() const { return step_left_; }

 private:
  uint64_t read_ = 0;
  uint64_t entry_begins_ = 0;
  size_t step_left_ = kStepRecords;
};

}  // namespace sluice::sinks
