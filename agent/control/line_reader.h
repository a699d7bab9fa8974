// Goes through the journal line by line, in the order and with the spans around them that the log
// file has.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/control/line_cursor.h"
#include "agent/journal/journal.h"
#include "agent/stream/record_stream.h"

namespace sluice::control {

// Which lines are shown. What is not set does not restrict.
struct LineSelection {
  // Nothing of any other uid is even read.
  std::optional<uid_t> only_uid;
  Level level = Level::kTrace;
  std::string target_prefix;
  std::string unit;
  std::optional<uid_t> uid;
  std::optional<TraceId> trace_id;
  std::optional<SpanId> span_id;
  uint64_t since_unix_nano = 0;
  uint64_t until_unix_nano = UINT64_MAX;
  std::string boot_id;

  bool Has(const stream::Delivery& delivery) const;
};

// Owned by one thread.
class LineReader {
 public:
  using ShowFn = std::function<void(LinePlace place, const stream::Delivery& delivery)>;

  // `journal` and `selection` outlive it.
  LineReader(journal::Journal* journal, const LineSelection* selection, ShowFn show);

  // The first entry of the segment that `sequence` is in, from where reading it costs least. To be
  // followed by Start.
  uint64_t SegmentBegin(uint64_t sequence);

  // Goes to `from`; {0, 0} is the oldest line there is. Before the first Read.
  void Start(LinePlace from);

  // Reads on by one journal entry and shows its lines. False: there was none until `deadline`, or
  // journal_reader was woken.
  bool Read(std::chrono::steady_clock::time_point deadline);

  // Behind everything read and shown.
  LinePlace next() const { return next_; }

  // Entries passed over since the last call because they were not there any more. Nothing was shown
  // since.
  uint64_t TakeMissed();

  // To wake it by, even when this object is gone.
  const std::shared_ptr<journal::Reader>& journal_reader() const { return reader_; }

 private:
  void Restore(uint64_t cursor);
  void CountForgotten(uint64_t sequence, uint64_t forgotten);
  void Deliver(const stream::Delivery& delivery);

  const LineSelection& selection_;
  const ShowFn show_;
  const std::shared_ptr<const filter::Filter> everything_;
  const uint64_t newest_at_start_;
  const std::shared_ptr<journal::Reader> reader_;
  std::unique_ptr<stream::RecordStream> stream_;
  LinePlace next_;
  bool is_of_boot_ = true;  // the entry that is read is of the selection's boot
  uint64_t missed_ = 0;
};

}  // namespace sluice::control
