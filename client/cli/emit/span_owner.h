// Which process the spans of a shell live with.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "client/cli/emit/record_encoder.h"

namespace sluice::cli {

// That process, told by its start from another that gets its pid later; nullopt: it does not live.
std::optional<SpanOwner> OwnerWithPid(pid_t pid);

// Whether that very process lives.
bool Lives(const SpanOwner& owner);

// The caller of this program: its parent; but the shell itself where the parent is a subshell that
// the shell made for `$(...)`, which ends with what it prints.
std::optional<SpanOwner> OwnerOfCaller();

// What /proc/PID/stat says of a process.
struct ProcessStat {
  char state = 0;
  pid_t parent = 0;
  uint64_t start_time_ticks = 0;
  // Chosen anew by each exec, and kept by fork; 0: not to be seen.
  uint64_t start_stack = 0;
};
std::optional<ProcessStat> ParseProcessStat(std::string_view text);

}  // namespace sluice::cli
