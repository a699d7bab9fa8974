#include "agent/journal/unread_count.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/user_of.h"
#include "agent/journal/batch_view.h"
#include "agent/journal/segment_reader.h"

namespace sluice::journal {
namespace {

// What is written but not synced by the sink goes with a power cut only, and what the sink holds
// with the agent only.
uint64_t TakenBy(const SinkPosition& position) {
  return std::max({position.cursor.load(), position.written.load(), position.given.load()});
}

std::vector<std::shared_ptr<SinkPosition>> SinksBehind(const SharedState& shared,
                                                       uint64_t end_sequence) {
  std::vector<std::shared_ptr<SinkPosition>> behind = shared.Positions();
  std::erase_if(behind, [&](const auto& position) {
    return !position->has_reader || TakenBy(*position) + 1 >= end_sequence;
  });
  return behind;
}

uint64_t CountRecords(std::string_view payload) {
  const std::optional<BatchView> batch = ReadBatch(payload);
  if (!batch) return 0;
  uint64_t count = 0;
  for (RecordCursor records = batch->records(); records.Next();) ++count;
  return count;
}

UnreadCounts CountBehind(const std::vector<std::shared_ptr<SinkPosition>>& sinks,
                         const Segment& segment, const std::set<uid_t>& kept, SegmentReader* file) {
  UnreadCounts counts;
  const uint64_t end = segment.end_offset.load();
  const uint64_t last = segment.end_sequence.load() - 1;
  while (file->offset() < end) {
    const std::optional<Frame> frame = file->Read(end);
    if (!frame) {
      file->Resynchronize(end, segment.first_sequence, last);
      continue;
    }
    if (frame->header.type != EntryType::kBatch || frame->header.sequence > last) continue;
    if (kept.contains(UserOf(frame->header.uid))) continue;
    const uint64_t records = CountRecords(frame->payload);
    for (const auto& sink : sinks) {
      if (TakenBy(*sink) >= frame->header.sequence) continue;
      counts[{sink->sink, frame->header.uid}] += records;
    }
  }
  return counts;
}

}  // namespace

UnreadCounts CountUnread(const SharedState& shared, const Segment& segment,
                         const std::set<uid_t>& kept) {
  const auto sinks = SinksBehind(shared, segment.end_sequence.load());
  if (sinks.empty() || shared.counters == nullptr) return {};
  const auto file = SegmentReader::Open(shared.fs, segment.path, shared.epoch());
  if (!file.ok()) return {};
  return CountBehind(sinks, segment, kept, file->get());
}

void AddToDropped(const UnreadCounts& counts, const std::string& reason,
                  const SharedState& shared) {
  for (const auto& [key, records] : counts) {
    shared.counters->Add("journal.dropped", absl::StrCat(key.first, "_", reason), key.second,
                         records);
  }
}

}  // namespace sluice::journal
