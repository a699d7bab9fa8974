#include "client/cli/trace/trace.h"

#include <algorithm>
#include <map>
#include <utility>

namespace sluice::cli {
namespace {

using SpanKey = std::pair<std::string, uint32_t>;  // span id, uid
using otlp::v1::Span;

std::string ServiceName(const v1::StoredRecord& record) {
  for (const auto& attribute : record.resource().attributes()) {
    if (attribute.key() == "service.name") return attribute.value().string_value();
  }
  return {};
}

// Gathers records into a Trace; Finish hangs the spans and events under each other.
class TraceBuilder {
 public:
  void Add(const v1::StoredRecord& stored);
  Trace Finish() &&;

 private:
  // What has been merged into the span of the same index.
  struct Seen {
    bool start = false;
    bool end = false;
    uint64_t received_unix_nano = 0;
    uint64_t went_back = 0;
    std::vector<std::string> updates;
  };

  Sender SenderOf(const v1::StoredRecord& stored);
  uint64_t WentBack(uint64_t time, const v1::StoredRecord& stored) const;
  void AddEvent(const v1::StoredRecord& stored);
  void AddSpanEvents();
  void AddSpan(const v1::StoredRecord& stored);
  size_t SpanFor(const v1::StoredRecord& stored);
  bool IsAnotherSpan(size_t index, const v1::Record& record) const;
  bool IsRepeated(Seen& seen, const v1::Record& record) const;
  std::optional<size_t> FindSpan(const std::string& span_id, uint32_t uid) const;
  void HangSpans();
  void HangEvents();
  // Cuts parents that are their own descendants, so that every span is under some root.
  void BreakLoops();
  void SortByTime();
  uint64_t TimeOf(const TraceItem& item) const;

  Trace trace_;
  std::vector<Seen> seen_;
  std::map<SpanKey, size_t> by_key_;
  std::vector<std::optional<size_t>> parents_;
  // Of trace_.events, as went_back_ was.
  std::vector<uint64_t> events_went_back_;
  uint64_t last_received_unix_nano_ = 0;
  // How far the clock of the wall was set back, in all, between the records added so far.
  uint64_t went_back_ = 0;
  // By their encoding.
  std::map<std::string, std::shared_ptr<const otlp::v1::Resource>> resources_;
};

void TraceBuilder::Add(const v1::StoredRecord& stored) {
  const v1::Record& record = stored.record();
  const uint64_t received = stored.received_unix_nano();
  // Records are in the order of their receipt, so that only a step of the clock does this.
  if (received < last_received_unix_nano_) went_back_ += last_received_unix_nano_ - received;
  last_received_unix_nano_ = received;
  if (record.has_event()) {
    AddEvent(stored);
  } else if (record.has_span()) {
    AddSpan(stored);
  }
}

Sender TraceBuilder::SenderOf(const v1::StoredRecord& stored) {
  auto& resource = resources_[stored.resource().SerializeAsString()];
  if (resource == nullptr) {
    resource = std::make_shared<const otlp::v1::Resource>(stored.resource());
  }
  return {stored.identity(), ServiceName(stored), resource};
}

void TraceBuilder::AddEvent(const v1::StoredRecord& stored) {
  const auto& body = stored.record().event();
  TraceEvent& event = trace_.events.emplace_back();
  if (trace_.trace_id.empty()) trace_.trace_id = body.trace_id();
  event.time_unix_nano =
      body.time_unix_nano() != 0 ? body.time_unix_nano() : body.observed_time_unix_nano();
  if (event.time_unix_nano == 0) event.time_unix_nano = stored.received_unix_nano();
  if (stored.record().level() != v1::LEVEL_UNSPECIFIED) event.level = stored.record().level();
  event.text = body.body().string_value().empty() ? body.event_name() : body.body().string_value();
  event.target = stored.record().target();
  event.attributes = body.attributes();
  event.span_id = body.span_id();
  event.sender = SenderOf(stored);
  events_went_back_.push_back(WentBack(event.time_unix_nano, stored));
}

// What to add to `time`, so that what came before a step of the clock is before it. Who was there
// before the step states times of the clock as it was, which lie after the receipt.
uint64_t TraceBuilder::WentBack(uint64_t time, const v1::StoredRecord& stored) const {
  return time > stored.received_unix_nano() ? 0 : went_back_;
}

bool TraceBuilder::IsRepeated(Seen& seen, const v1::Record& record) const {
  switch (record.kind()) {
    case v1::RECORD_KIND_SPAN_START:
      return std::exchange(seen.start, true);
    case v1::RECORD_KIND_SPAN_END:
      return std::exchange(seen.end, true);
    case v1::RECORD_KIND_SPAN_UPDATE: {
      std::string encoded = record.SerializeAsString();
      if (std::ranges::count(seen.updates, encoded) > 0) return true;
      seen.updates.push_back(std::move(encoded));
      return false;
    }
    default:
      return std::exchange(seen.start, true) || std::exchange(seen.end, true);
  }
}

// A beginning that says otherwise than the one before is no repetition of it.
bool TraceBuilder::IsAnotherSpan(size_t index, const v1::Record& record) const {
  const bool begins =
      record.kind() == v1::RECORD_KIND_SPAN || record.kind() == v1::RECORD_KIND_SPAN_START;
  const Span& known = trace_.spans[index].span;
  const Span& span = record.span();
  return begins && seen_[index].start &&
         (span.start_time_unix_nano() != known.start_time_unix_nano() ||
          span.name() != known.name());
}

// The index of the span that the record is of.
size_t TraceBuilder::SpanFor(const v1::StoredRecord& stored) {
  const SpanKey key{stored.record().span().span_id(), stored.identity().uid()};
  const auto [entry, is_new] = by_key_.emplace(key, trace_.spans.size());
  const bool is_another = !is_new && IsAnotherSpan(entry->second, stored.record());
  if (is_new || is_another) {
    entry->second = trace_.spans.size();
    trace_.spans.emplace_back().id_used_before = is_another;
    Seen& seen = seen_.emplace_back();
    seen.received_unix_nano = stored.received_unix_nano();
    seen.went_back = WentBack(stored.record().span().start_time_unix_nano(), stored);
  }
  return entry->second;
}

void TraceBuilder::AddSpan(const v1::StoredRecord& stored) {
  const v1::Record& record = stored.record();
  const size_t spans_before = trace_.spans.size();
  const size_t index = SpanFor(stored);
  const bool is_new = index == spans_before;
  if (trace_.trace_id.empty()) trace_.trace_id = record.span().trace_id();
  TraceSpan& span = trace_.spans[index];
  Seen& seen = seen_[index];
  if (IsRepeated(seen, record)) return;
  span.span.MergeFrom(record.span());
  if (record.level() != v1::LEVEL_UNSPECIFIED) span.level = record.level();
  if (!record.target().empty()) span.target = record.target();
  if (is_new || !stored.synthetic()) span.sender = SenderOf(stored);
  if (seen.end) {
    span.state = stored.synthetic() ? TraceSpan::State::kAborted : TraceSpan::State::kEnded;
  }
}

// The events that an SDK keeps within its span.
void TraceBuilder::AddSpanEvents() {
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    const TraceSpan& span = trace_.spans[i];
    for (const Span::Event& body : span.span.events()) {
      TraceEvent& event = trace_.events.emplace_back();
      event.time_unix_nano = body.time_unix_nano();
      event.text = body.name();
      event.target = span.target;
      event.attributes = body.attributes();
      event.span_id = span.span.span_id();
      event.sender = span.sender;
      event.is_of_span = true;
      events_went_back_.push_back(seen_[i].went_back);
    }
  }
}

// The sender's own span of that id first; else root's, else another user's, which may well be the
// parent of a process that changed its uid.
std::optional<size_t> TraceBuilder::FindSpan(const std::string& span_id, uint32_t uid) const {
  if (const auto own = by_key_.find({span_id, uid}); own != by_key_.end()) return own->second;
  const auto other = by_key_.lower_bound({span_id, 0});
  if (other == by_key_.end() || other->first.first != span_id) return std::nullopt;
  return other->second;
}

void TraceBuilder::HangSpans() {
  parents_.resize(trace_.spans.size());
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    TraceSpan& span = trace_.spans[i];
    const std::string& parent_id = span.span.parent_span_id();
    if (parent_id.empty()) continue;
    parents_[i] = FindSpan(parent_id, span.sender.identity.uid());
    span.parent_not_seen = !parents_[i].has_value();
  }
  BreakLoops();
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    auto& siblings = parents_[i] ? trace_.children[*parents_[i]] : trace_.roots;
    siblings.push_back({TraceItem::Kind::kSpan, i});
  }
}

void TraceBuilder::BreakLoops() {
  // The walk upward that came by, counted from 1; a span met twice by the same walk is its own
  // ancestor.
  std::vector<size_t> walk_of(trace_.spans.size(), 0);
  for (size_t start = 0; start < trace_.spans.size(); ++start) {
    for (std::optional<size_t> at = start; at && walk_of[*at] == 0;) {
      walk_of[*at] = start + 1;
      const std::optional<size_t> up = parents_[*at];
      if (up && walk_of[*up] == start + 1) {
        parents_[*at].reset();
        trace_.spans[*at].parent_is_descendant = true;
      }
      at = up;
    }
  }
}

void TraceBuilder::HangEvents() {
  for (size_t i = 0; i < trace_.events.size(); ++i) {
    const TraceEvent& event = trace_.events[i];
    const auto span = FindSpan(event.span_id, event.sender.identity.uid());
    auto& siblings = span ? trace_.children[*span] : trace_.roots;
    siblings.push_back({TraceItem::Kind::kEvent, i});
  }
}

// For the order alone.
uint64_t TraceBuilder::TimeOf(const TraceItem& item) const {
  if (item.kind == TraceItem::Kind::kEvent) {
    return trace_.events[item.index].time_unix_nano + events_went_back_[item.index];
  }
  const Seen& seen = seen_[item.index];
  const uint64_t start = trace_.spans[item.index].span.start_time_unix_nano();
  return (start != 0 ? start : seen.received_unix_nano) + seen.went_back;
}

void TraceBuilder::SortByTime() {
  const auto earlier = [this](const TraceItem& a, const TraceItem& b) {
    return TimeOf(a) < TimeOf(b);
  };
  std::ranges::stable_sort(trace_.roots, earlier);
  for (auto& siblings : trace_.children) std::ranges::stable_sort(siblings, earlier);
}

Trace TraceBuilder::Finish() && {
  AddSpanEvents();
  trace_.children.resize(trace_.spans.size());
  HangSpans();
  HangEvents();
  SortByTime();
  return std::move(trace_);
}

}  // namespace

std::optional<uint64_t> TraceSpan::Duration() const {
  const uint64_t start = span.start_time_unix_nano();
  const uint64_t end = span.end_time_unix_nano();
  if (start == 0 || end == 0 || end < start) return std::nullopt;
  return end - start;
}

bool TraceSpan::EndsBeforeStart() const {
  return span.end_time_unix_nano() != 0 && span.end_time_unix_nano() < span.start_time_unix_nano();
}

Trace BuildTrace(const std::vector<v1::StoredRecord>& records) {
  TraceBuilder builder;
  for (const v1::StoredRecord& record : records) builder.Add(record);
  return std::move(builder).Finish();
}

}  // namespace sluice::cli
