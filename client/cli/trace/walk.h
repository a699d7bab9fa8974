// The order in which a trace is shown, and how much of it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

// Which part of a trace is shown. What leads to a span that is shown is shown, too; so is what
// failed, was aborted or has not ended.
struct TreeLimits {
  // Spans that took less are left out, with their events.
  uint64_t min_nano = 0;
  // What is nested deeper is left out; a root has depth 0.
  size_t max_depth = std::numeric_limits<size_t>::max();
  // Events that are more verbose are left out.
  v1::Level level = v1::LEVEL_TRACE;
  // Siblings of one name and service that went well and hold nothing are one row from so many on;
  // 0: never.
  size_t join_from = 0;
};

// Several siblings in one row, of which the first is the row's item.
struct Repeated {
  uint32_t count = 0;
  // Nanoseconds.
  uint64_t slowest = 0;
  uint64_t total = 0;
};

// An item at its place in the tree.
struct TreeRow {
  TraceItem item;
  size_t depth = 0;                   // 0: a root
  bool is_last = false;               // of its siblings that are shown
  const TraceSpan* parent = nullptr;  // null: a root
  std::optional<Repeated> repeated;
};

// Calls `visit` for each row from top to bottom.
void VisitRows(const Trace& trace, const TreeLimits& limits,
               const std::function<void(const TreeRow&)>& visit);

}  // namespace sluice::cli
