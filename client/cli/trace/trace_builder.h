// Puts a trace together while its records come, none of which is kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/trace/stored_record.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

// Spans of the same id and different uids are different spans; a record that was stored twice
// counts once.
class TraceBuilder {
 public:
  // An encoded v1.StoredRecord, in the order of the journal. False: it is malformed.
  bool Add(std::string_view encoded);
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

  std::string_view Text(std::string_view text);
  const Sender* SenderOf(const StoredRecordView& stored);
  uint64_t WentBack(uint64_t time, const StoredRecordView& stored) const;
  void AddEvent(const StoredRecordView& stored);
  void AddSpanEvents();
  void AddSpan(const StoredRecordView& stored);
  uint32_t SpanFor(const StoredRecordView& stored, const Sender& sender);
  bool IsAnotherSpan(size_t index, const StoredRecordView& stored) const;
  bool IsRepeated(uint32_t index, const StoredRecordView& stored);
  void Merge(const SpanView& part, TraceSpan* span);
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
  // Whose record came last; null: none came yet.
  const Sender* last_sender_ = nullptr;
  std::string last_identity_;
  std::string last_resource_;
  uint64_t last_received_unix_nano_ = 0;
  // How far the clock of the wall was set back, in all, between the records added so far.
  uint64_t went_back_ = 0;
};

}  // namespace sluice::cli
