// What /proc says of a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::net {

// The whole text of /proc/PID/NAME as of now. nullopt: no such process, or hidden. Between two
// calls the number may have come to another process; that it has not is the caller's to check.
std::optional<std::string> ReadProcFile(pid_t pid, const char* name);

// What is read of /proc/PID/stat. The name is text: what is not UTF-8 in it is U+FFFD.
struct ProcessStat {
  std::string comm;
  uint64_t start_time_ticks = 0;

  bool operator==(const ProcessStat&) const = default;
};

// nullopt: no such process, or hidden.
std::optional<ProcessStat> ReadProcessStat(pid_t pid);

// Fields 2 and 22 of the text of /proc/PID/stat. Field 2 may itself hold blanks and brackets.
std::optional<ProcessStat> ParseProcessStat(std::string_view stat);

}  // namespace sluice::net
