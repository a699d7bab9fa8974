#include "proto/kvp/boot_time.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace sluice::kvp {
namespace {

constexpr char kStatPath[] = "/proc/stat";
constexpr std::string_view kName = "btime ";

}  // namespace

PoolResult<time_t> ParseBootTime(std::string_view proc_stat) {
  while (!proc_stat.empty()) {
    std::string_view line = proc_stat.substr(0, proc_stat.find('\n'));
    proc_stat.remove_prefix(std::min(line.size() + 1, proc_stat.size()));
    if (!line.starts_with(kName)) continue;
    line.remove_prefix(kName.size());
    time_t seconds = 0;
    const auto [rest, error] = std::from_chars(line.begin(), line.end(), seconds);
    if (error == std::errc() && rest == line.end()) return seconds;
    return PoolError{EINVAL,
                     "invalid " + std::string(kStatPath) + " btime value: " + std::string(line)};
  }
  return PoolError{ENOENT, "missing btime in " + std::string(kStatPath)};
}

PoolResult<time_t> ReadBootTime() {
  std::ifstream file(kStatPath);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return PoolErrno(std::string("read ") + kStatPath);
  return ParseBootTime(text.str());
}

bool WrittenBeforeBoot(timespec modified, time_t boot_time) { return modified.tv_sec <= boot_time; }

PoolResult<bool> IsStale(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return PoolErrno("stat " + path);
  }
  const PoolResult<time_t> boot_time = ReadBootTime();
  if (!boot_time.ok()) return boot_time.error();
  return WrittenBeforeBoot(status.st_mtim, *boot_time);
}

}  // namespace sluice::kvp
