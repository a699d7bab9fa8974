// What a reader of the journal is told: one thing that happened, and the span around it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "agent/journal/batch_view.h"
#include "agent/journal/read_window.h"
#include "agent/live/span.h"
#include "proto/record/view.h"

namespace sluice::stream {

// One thing that happened and passed the sink's filter. All views last until Add returns.
struct Delivery {
  enum class Kind { kSpanOpened, kSpanClosed, kEvent };

  Kind kind = Kind::kEvent;
  // The journal entry, the record's place in it, and of the nth event within a whole span n, else
  // 0. Together they name this delivery for ever: after a crash the same one comes again under
  // them.
  uint64_t sequence = 0;
  uint32_t part = 0;
  uint32_t event = 0;
  // Bytes of that entry, but for the sender's resource, which each entry repeats.
  size_t entry_bytes = 0;

  // All of that entry but its records.
  const journal::BatchHead* batch = nullptr;
  // What the record stands in, where it came as OTLP; null: one of our own protocol.
  const journal::ScopeView* scope = nullptr;

  // The record as journalled. For kSpanClosed: the END, or the whole SPAN. An event within a span:
  // as an event of its own.
  const RecordView* record = nullptr;
  // The record's; of kSpanOpened and kSpanClosed the span's, but ERROR where it closed as failed.
  Level level = Level::kInfo;
  // kSpanOpened, kSpanClosed: the span itself, complete in the latter case. kEvent: the nearest
  // enclosing open span that passed the filter; null outside any. A span that failed may be closed
  // without having been opened, since its end counts as an error; its scope is then not enabled.
  const live::Span* span = nullptr;
  const live::Origin* origin = nullptr;
  // CLOCK_REALTIME at receipt.
  uint64_t received_unix_nano = 0;
  // It happened since this boot.
  bool this_boot = true;
  // The sink had it before: see Sink::rebuilds.
  bool replayed = false;
  // An event within a whole span that passed the filter itself, and so is delivered behind it.
  bool span_follows = false;
  // The agent closed the span because its process is gone.
  bool synthetic = false;
  // Its sender was root of this host, outside containers.
  bool sender_is_host_root = false;

  // Whose share of what is divided among users it counts against.
  uid_t user() const { return origin->identity.uid; }
};

// A ScopeSpans, ScopeLogs or ScopeMetrics as it came, all records of which pass the sink's filter.
// No filter speaks of metrics.
struct WholeScope {
  enum class Kind { kSpans, kEvents, kMetrics };

  Kind kind = Kind::kSpans;
  const journal::ScopeView* scope = nullptr;
  const journal::BatchHead* batch = nullptr;
  const live::Origin* origin = nullptr;
  // What its bytes are in: while a copy of it is held, they stay. Null: they do not.
  const journal::SharedBlock* block = nullptr;
};

// Whether the reader takes it; else its records are delivered one by one, and metrics not at all.
using WholeScopeFn = std::function<bool(const WholeScope&)>;

// Whether an event is delivered though the filter refuses it; null: none is.
using UnfilteredFn = std::function<bool(const RecordView& event, bool sender_is_host_root)>;

}  // namespace sluice::stream
