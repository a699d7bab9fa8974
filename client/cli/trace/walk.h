// The order in which a trace is shown.
#pragma once

#include <vector>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

// An item at its place in the tree. Deep traces must not exhaust the stack, so this is a list.
struct TreeRow {
  TraceItem item;
  size_t depth = 0;                   // 0: a root
  bool is_last = false;               // of its siblings
  const TraceSpan* parent = nullptr;  // null: a root
};

std::vector<TreeRow> TreeRows(const Trace& trace);

}  // namespace sluice::cli
