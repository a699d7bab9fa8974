// Puts a trace together while its records come, none of which is kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

// Spans of the same id and different uids are different spans; a record that was stored twice
// counts once.
class TraceBuilder {
 public:
  // In the order of the journal. `stored` is taken apart.
  void Add(v1::StoredRecord* stored);
  // Hangs spans and events under each other.
  Trace Finish() &&;

 private:
  using SpanKey = std::pair<SpanId, uint32_t>;  // and its uid
  // What has been merged into the span of the same index, and what is for the order alone.
  struct Seen {
    bool start = false;
    bool end = false;
    uint64_t received_unix_nano = 0;
    uint64_t went_back = 0;
  };

  std::string_view Text(const std::string& text) { return *trace_.texts.insert(text).first; }
  const Sender* SenderOf(const v1::StoredRecord& stored);
  uint64_t WentBack(uint64_t time, const v1::StoredRecord& stored) const;
  void AddEvent(const v1::StoredRecord& stored);
  void AddSpanEvents();
  void AddSpan(v1::StoredRecord* stored);
  uint32_t SpanFor(const v1::StoredRecord& stored);
  bool IsAnotherSpan(size_t index, const v1::Record& record) const;
  bool IsRepeated(uint32_t index, const v1::Record& record);
  void Merge(otlp::v1::Span* part, TraceSpan* span);
  std::optional<uint32_t> FindSpan(const SpanId& id, uint32_t uid) const;
  void FindParents();
  // Cuts parents that are their own descendants, so that every span is under some root.
  void BreakLoops();
  void PlaceItems();
  // The number of the span in which it lies, from 1 on; 0: it is a root.
  uint32_t PlaceOf(const TraceItem& item) const;
  uint64_t TimeOf(const TraceItem& item) const;

  Trace trace_;
  std::vector<Seen> seen_;
  // The updates that were merged, by their hash, of each span.
  std::set<std::pair<uint32_t, size_t>> updates_;
  std::map<SpanKey, uint32_t> by_key_;
  // Of trace_.events, as went_back_ was.
  std::vector<uint64_t> events_went_back_;
  uint64_t last_received_unix_nano_ = 0;
  // How far the clock of the wall was set back, in all, between the records added so far.
  uint64_t went_back_ = 0;
};

}  // namespace sluice::cli
