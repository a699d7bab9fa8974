#include "agent/identity/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "proto/base/unique_fd.h"
#include "proto/wire/utf8.h"

namespace sluice::net {

std::optional<std::string> ReadProcFile(pid_t pid, const char* name) {
  const UniqueFd file(::open(absl::StrCat("/proc/", pid, "/", name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> part;
  ssize_t size;
  while ((size = ::read(file.get(), part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<size_t>(size));
  }
  if (size < 0) return std::nullopt;
  return text;
}

std::optional<ProcessStat> ReadProcessStat(pid_t pid) {
  const std::optional<std::string> stat = ReadProcFile(pid, "stat");
  return stat ? ParseProcessStat(*stat) : std::nullopt;
}

std::optional<ProcessStat> ParseProcessStat(std::string_view stat) {
  const size_t open = stat.find('(');
  const size_t close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  ProcessStat result;
  AppendValidUtf8(stat.substr(open + 1, close - open - 1), &result.comm);
  stat.remove_prefix(close + 1);
  for (int field = 3; field <= 22; ++field) {
    const size_t blank = stat.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(blank + 1);
  }
  const auto [end, error] =
      std::from_chars(stat.data(), stat.data() + stat.size(), result.start_time_ticks);
  if (error != std::errc() || end == stat.data() + stat.size() || *end != ' ') return std::nullopt;
  return result;
}

}  // namespace sluice::net
