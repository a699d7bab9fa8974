// An open span as the agent knows it: what its START and UPDATE records said so far.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/base/identity.h"
#include "agent/filter/matcher.h"
#include "proto/contract/record_view.h"

namespace sluice::live {

// Who sent a batch. One object serves all records of a batch, and the spans they open.
struct Origin {
  Identity identity;
  // Encoded opentelemetry.proto.resource.v1.Resource; may be empty.
  std::string resource;

  bool operator==(const Origin&) const = default;
};

// What tells one span from all others. The uid is part of it, so that nobody can name another
// user's span.
struct SpanKey {
  uid_t uid = 0;
  TraceId trace_id;
  SpanId span_id;

  bool operator==(const SpanKey&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const SpanKey& key) {
    return H::combine(std::move(h), key.uid, key.trace_id, key.span_id);
  }
};

// A span outlives its end for as long as a child of it is open, whose log lines still name it; its
// body and origin go at its end (Retire), so that no chain of children can hold more than names.
struct Span {
  SpanKey key;
  std::shared_ptr<const Origin> origin;
  // Null: a root, or a parent that was not open when this span began, or another user's.
  std::shared_ptr<Span> parent;
  // Number of ancestors reachable through `parent`.
  int depth = 0;

  Level level = Level::kInfo;
  std::string name;
  std::string target;
  // The bodies of its records so far, concatenated: reads as one Span.
  std::string body;
  // Over the attributes of `body`.
  BareMarks bare;
  uint32_t attribute_count = 0;
  uint64_t busy_ns = 0;
  uint64_t received_boottime_nano = 0;

  // What the filter of the one reader that owns this span's table makes of it.
  filter::SpanScope scope;

  // Of `body`; valid until it grows.
  SpanView view() const;
  // The span so far as a record of that kind; valid likewise.
  RecordView AsRecord(RecordKind kind) const;

  // Frees body and origin; name, level and target stay.
  void Retire();
};

}  // namespace sluice::live
