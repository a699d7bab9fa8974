// One trace put together out of the journal's records: spans merged out of their parts, hung under
// their parents, in order of time. Whatever is missing or contradicts itself is marked, not
// guessed.
//
// Layout. A trace may have hundreds of thousands of spans, and one takes some 150 bytes beside its
// attributes. Spans and events are rows in the order in which they came, which name each other by
// number. A row holds what views sort, sum and compare by. Names and other short texts lie in
// Trace::texts, and senders in Trace::senders, once each however many rows have them. What is only
// printed, as attributes are, stays encoded, and is read while it is printed. Trace::items is all
// of the tree: roots first, then what lies in the first span, in the second and so on.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "proto/record/view.h"
#include "proto/trace/ids.h"
#include "sluice/v1/query.pb.h"

namespace sluice::cli {

// The sender of a record, as the kernel named it, and what it says of itself.
struct Sender {
  uint32_t uid = 0;
  uint32_t gid = 0;
  int32_t pid = 0;
  // Tells processes of one pid apart.
  uint64_t start_time_ticks = 0;
  std::string_view comm;
  std::string_view unit;
  std::string_view pod;
  std::string_view service_name;
  std::string_view resource;  // an encoded otlp.v1.Resource

  auto operator<=>(const Sender&) const = default;
};

struct TraceEvent {
  uint64_t time_unix_nano = 0;
  SpanId span_id;                // zero: outside any span
  std::optional<uint32_t> span;  // in which it lies; nullopt: in none that was seen
  v1::Level level = v1::LEVEL_INFO;
  // It came within its span, among TraceSpan::events().
  bool is_of_span = false;
  // The message or, where there is none, the event's name.
  std::string_view text;
  std::string_view target;
  const Sender* sender = nullptr;
  // An encoded otlp.v1.KeyValueList.
  std::string encoded_attributes;

  FieldRange attributes() const {  // ReadAttribute
    return {encoded_attributes, key_value_list_field::kValues};
  }
};

struct TraceSpan {
  enum class State : uint8_t {
    kEnded,
    kOpen,     // no end was seen
    kAborted,  // its process is gone; the agent ended it
  };
  using StatusCode = otlp::v1::Status::StatusCode;

  SpanId id;
  SpanId parent_id;                // zero: none is named
  std::optional<uint32_t> parent;  // nullopt: it is a root
  // Of all parts seen so far. 0: not known.
  uint64_t start_unix_nano = 0;
  uint64_t end_unix_nano = 0;
  std::string_view name;
  std::string_view target;
  std::string_view status_message;
  const Sender* sender = nullptr;
  // The other fields of its parts, as a part of an encoded otlp.v1.Span.
  std::string encoded_rest;
  // What lies directly in it: from here to there in Trace::items.
  uint32_t items_begin = 0;
  uint32_t items_end = 0;
  v1::Level level = v1::LEVEL_INFO;
  StatusCode status = otlp::v1::Status::STATUS_CODE_UNSET;
  State state = State::kOpen;
  // A status was sent, which may yet be unset.
  bool has_status = false;
  // Its parent is named and not in the trace, or is its own descendant.
  bool parent_not_seen = false;
  bool parent_is_descendant = false;
  // Another span of the same sender came before with the same id.
  bool id_used_before = false;

  bool IsError() const { return status == otlp::v1::Status::STATUS_CODE_ERROR; }
  // Nanoseconds from start to end; nullopt where either is not known or the end comes first.
  std::optional<uint64_t> Duration() const;
  bool EndsBeforeStart() const { return end_unix_nano != 0 && end_unix_nano < start_unix_nano; }

  FieldRange attributes() const { return {encoded_rest, span_field::kAttributes}; }
  FieldRange events() const { return {encoded_rest, span_field::kEvents}; }
  FieldRange links() const { return {encoded_rest, span_field::kLinks}; }
};

// A span or an event at its place.
struct TraceItem {
  enum class Kind : uint8_t { kSpan, kEvent };
  Kind kind = Kind::kSpan;
  uint32_t index = 0;  // into Trace::spans or Trace::events
};

// Can be moved, not copied: rows point into its texts and senders.
struct Trace {
  Trace() = default;
  Trace(Trace&&) = default;
  Trace& operator=(Trace&&) = default;

  std::string trace_id;  // raw
  // When it was looked at: what has not ended lasts until then. 0: not known.
  uint64_t seen_unix_nano = 0;
  std::vector<TraceSpan> spans;
  std::vector<TraceEvent> events;
  std::vector<TraceItem> items;
  uint32_t roots_end = 0;
  // A node of either stays where it is.
  std::unordered_set<std::string> texts;
  std::set<Sender> senders;

  // In no span that was seen, and directly in one; by time.
  std::span<const TraceItem> Roots() const { return {items.data(), roots_end}; }
  std::span<const TraceItem> ItemsIn(const TraceSpan& span) const {
    return {items.data() + span.items_begin, items.data() + span.items_end};
  }
  // The first span that is a root; null: there is none.
  const TraceSpan* FirstRoot() const;
  // From the root down to the parent of `span`.
  std::vector<size_t> AncestorsOf(size_t span) const;
};

}  // namespace sluice::cli
