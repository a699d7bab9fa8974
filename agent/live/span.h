// An open span as the agent knows it: what its START and UPDATE records said so far.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "agent/filter/matcher.h"
#include "agent/identity/identity.h"
#include "agent/identity/span_owner.h"
#include "proto/record/view.h"

namespace sluice::live {

// Who sent a batch. One object serves all records of a batch, and the spans they open.
struct Origin {
  Identity identity;
  // Encoded sluice.otlp.v1.Resource; may be empty.
  std::string resource;
  // Until when the spans live that it opens; not set: until the sender's end.
  SpanOwner owner;

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

// A share of a count, given back when it goes. One that is copied stays where it was.
class CountedBytes {
 public:
  CountedBytes() = default;
  CountedBytes(const CountedBytes&) {}
  CountedBytes& operator=(const CountedBytes&) = delete;
  ~CountedBytes() {
    if (total_ != nullptr) *total_ -= bytes_;
  }

  // Once.
  void AddTo(std::shared_ptr<size_t> total, size_t bytes) {
    total_ = std::move(total);
    bytes_ = bytes;
    *total_ += bytes_;
  }

 private:
  std::shared_ptr<size_t> total_;
  size_t bytes_ = 0;
};

// A span outlives its end for as long as a child of it is open, whose log lines still name it; what
// it keeps until then is bounded (SpanTable::Retire).
struct Span {
  SpanKey key;
  std::shared_ptr<const Origin> origin;
  // Null: a root, or a parent that was not open when this span began, or another user's.
  std::shared_ptr<Span> parent;
  // Number of ancestors reachable through `parent` when it began; later there may be fewer.
  int depth = 0;

  Level level = Level::kInfo;
  std::string name;
  std::string target;
  // The bodies of its records so far, concatenated: reads as one Span.
  std::string body;
  // Over the attributes of `body`.
  BareMarks bare;
  uint32_t attribute_count = 0;
  // Some record so far had the status ERROR; a later one may have changed that.
  bool had_error = false;
  uint64_t busy_ns = 0;
  uint64_t received_boottime_nano = 0;

  // What it keeps after its end.
  CountedBytes kept;

  // What the filter of the one reader that owns this span's table makes of it.
  filter::SpanScope scope;

  // Of `body`; valid until it grows.
  SpanView view() const;
  // Its status is ERROR, by what was said last.
  bool HasFailed() const { return had_error && view().status == StatusCode::kError; }
  // The span so far as a record of that kind; valid likewise.
  RecordView AsRecord(RecordKind kind) const;
};

}  // namespace sluice::live
