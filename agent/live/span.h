// An open span as the agent knows it: what its START and UPDATE records said so far.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "agent/base/shared_limit.h"
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

// What the spans of one uid take of a table's bytes. Shared with its ended spans, which may go at
// any time.
struct SpanBytes {
  size_t all = 0;
  // Those of `all` that are kept of ended spans.
  size_t ended = 0;
  // Of all users together; null for root, who is not counted in it.
  std::shared_ptr<SharedLimit> of_users;

  void Add(size_t bytes) { Change(all + bytes); }
  void Subtract(size_t bytes) { Change(all - bytes); }

 private:
  void Change(size_t bytes) {
    if (of_users != nullptr) of_users->Change(all, bytes);
    all = bytes;
  }
};

// What is kept of an ended span, given back when it goes. A copy counts nothing.
class EndedBytes {
 public:
  EndedBytes() = default;
  EndedBytes(const EndedBytes&) {}
  EndedBytes& operator=(const EndedBytes&) = delete;
  ~EndedBytes() {
    if (counted_in_ == nullptr) return;
    counted_in_->Subtract(bytes_);
    counted_in_->ended -= bytes_;
  }

  // Once.
  void CountIn(std::shared_ptr<SpanBytes> total, size_t bytes) {
    counted_in_ = std::move(total);
    bytes_ = bytes;
    counted_in_->Add(bytes_);
    counted_in_->ended += bytes_;
  }

 private:
  std::shared_ptr<SpanBytes> counted_in_;
  size_t bytes_ = 0;
};

struct Span;

// The neighbours of a span among the open ones of its uid, in the order in which they began. A copy
// has none.
struct SpanLinks {
  SpanLinks() = default;
  SpanLinks(const SpanLinks&) {}
  SpanLinks& operator=(const SpanLinks&) = delete;

  Span* before = nullptr;
  Span* after = nullptr;
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
  // As its START said; they stand in `body` as well, which takes a walk to read.
  SpanId parent_span_id;
  uint64_t start_unix_nano = 0;
  uint64_t end_unix_nano = 0;  // 0: it is open, or whole
  // The bodies of its records so far, concatenated: reads as one Span.
  std::string body;
  // Over the attributes of `body`.
  BareMarks bare;
  uint32_t attribute_count = 0;
  // Some record so far had the status ERROR; a later one may have changed that.
  bool had_error = false;
  uint64_t busy_ns = 0;
  uint64_t received_boottime_nano = 0;

  // While it is open: where it stands in its table (SpanTable::VisitSome), from 1 on, and what it
  // counts there.
  uint64_t order = 0;
  SpanLinks links;
  size_t counted_bytes = 0;
  // What it keeps after its end.
  EndedBytes kept;

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
