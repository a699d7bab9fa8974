// Which spans took the time of a trace. What a span waited for its children is theirs, not its own.
#pragma once

#include <cstdint>
#include <vector>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

struct BlameRow {
  uint32_t span = 0;   // the one with the most time of its own, where there are several
  uint32_t count = 1;  // spans of its name and service
  // Nanoseconds, of all of them together.
  uint64_t self = 0;
  uint64_t total = 0;
  // One of them has not ended.
  bool is_open = false;

  uint64_t in_children() const { return total - self; }
};

struct Blame {
  // Most time of its own first.
  std::vector<BlameRow> rows;
  // Spans without a start or an end, or whose end comes first: nothing can be said of them.
  size_t without_times = 0;
};

// `by_name`: spans of one name and service are one row. Open spans last until `now_unix_nano`.
Blame BlameOf(const Trace& trace, bool by_name, uint64_t now_unix_nano);

}  // namespace sluice::cli
