// One trace put together out of the journal's records: spans merged out of their parts, hung under
// their parents, in order of time. Whatever is missing or contradicts itself is marked, not
// guessed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/v1/query.pb.h"

namespace sluice::cli {

// The sender of a record, as the kernel named it, and what it says of itself.
struct Sender {
  v1::Identity identity;
  std::string service_name;
  // All of it; one for all that have the same. Null where nothing was built out of records.
  std::shared_ptr<const otlp::v1::Resource> resource;
};

struct TraceEvent {
  uint64_t time_unix_nano = 0;
  v1::Level level = v1::LEVEL_INFO;
  // The message or, where there is none, the event's name.
  std::string text;
  std::string target;
  google::protobuf::RepeatedPtrField<otlp::v1::KeyValue> attributes;
  // Raw; empty: outside any span.
  std::string span_id;
  Sender sender;
  // It came within its span, among TraceSpan::span's own events.
  bool is_of_span = false;
};

struct TraceSpan {
  enum class State {
    kEnded,
    kOpen,     // no end was seen
    kAborted,  // its process is gone; the agent ended it
  };

  // All parts seen so far, merged.
  otlp::v1::Span span;
  v1::Level level = v1::LEVEL_INFO;
  std::string target;
  State state = State::kOpen;
  Sender sender;
  // Its parent is named and not in the trace, or is its own descendant.
  bool parent_not_seen = false;
  bool parent_is_descendant = false;
  // Another span of the same sender came before with the same id.
  bool id_used_before = false;

  // Nanoseconds from start to end; nullopt where either is not known or the end comes first.
  std::optional<uint64_t> Duration() const;
  bool EndsBeforeStart() const;
};

// A span or an event at its place.
struct TraceItem {
  enum class Kind { kSpan, kEvent };
  Kind kind = Kind::kSpan;
  size_t index = 0;  // into Trace::spans or Trace::events
};

struct Trace {
  std::string trace_id;  // raw
  // When it was looked at: what has not ended lasts until then. 0: not known.
  uint64_t seen_unix_nano = 0;
  std::vector<TraceSpan> spans;
  std::vector<TraceEvent> events;
  std::vector<TraceItem> roots;
  // What lies directly within each span, of the same indexes as `spans`.
  std::vector<std::vector<TraceItem>> children;
};

// Out of records in the order of the journal. Spans of the same id and different uids are different
// spans; a record that was stored twice counts once.
Trace BuildTrace(const std::vector<v1::StoredRecord>& records);

}  // namespace sluice::cli
