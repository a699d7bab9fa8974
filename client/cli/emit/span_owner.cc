#include "client/cli/emit/span_owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace sluice::cli {
namespace {

// Fields of /proc/PID/stat, counted from the state, which is the first behind the name.
constexpr size_t kStateField = 0, kParentField = 1, kStartTimeField = 19, kStartStackField = 25;

std::string PathBelow(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + '/' + name;
}

std::optional<ProcessStat> ReadProcessStat(pid_t pid) {
  std::ifstream file(PathBelow(pid, "stat"));
  return ParseProcessStat(std::string(std::istreambuf_iterator<char>(file), {}));
}

// Whether both processes run one and the same exec: one is a subshell of the other.
bool IsForkOf(const ProcessStat& child, const ProcessStat& parent) {
  return child.start_stack != 0 && child.start_stack == parent.start_stack;
}

// Whether what that process prints goes down the same pipe as what this one does.
bool SharesOutputPipe(pid_t pid) {
  struct stat own;
  struct stat other;
  return fstat(STDOUT_FILENO, &own) == 0 && S_ISFIFO(own.st_mode) &&
         stat(PathBelow(pid, "fd/1").c_str(), &other) == 0 && own.st_dev == other.st_dev &&
         own.st_ino == other.st_ino;
}

}  // namespace

std::optional<ProcessStat> ParseProcessStat(std::string_view text) {
  // The name stands in parentheses and may hold any byte, these included.
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 2);
  std::array<std::string_view, kStartStackField + 1> fields;
  for (std::string_view& field : fields) {
    field = text.substr(0, text.find_first_of(" \n"));
    if (field.empty()) return std::nullopt;
    text.remove_prefix(std::min(text.size(), field.size() + 1));
  }
  ProcessStat stat{.state = fields[kStateField].front()};
  const auto read = [](std::string_view field, auto* number) {
    return std::from_chars(field.begin(), field.end(), *number).ec == std::errc();
  };
  const bool is_read = read(fields[kParentField], &stat.parent) &&
                       read(fields[kStartTimeField], &stat.start_time_ticks) &&
                       read(fields[kStartStackField], &stat.start_stack);
  return is_read ? std::optional(stat) : std::nullopt;
}

std::optional<SpanOwner> OwnerWithPid(pid_t pid) {
  const auto stat = ReadProcessStat(pid);
  const bool is_dead = !stat || stat->state == 'Z' || stat->state == 'X';
  if (is_dead) return std::nullopt;
  return SpanOwner{.pid = pid, .start_time_ticks = stat->start_time_ticks};
}

bool Lives(const SpanOwner& owner) {
  const auto now = OwnerWithPid(owner.pid);
  return now && now->start_time_ticks == owner.start_time_ticks;
}

std::optional<SpanOwner> OwnerOfCaller() {
  pid_t pid = getppid();
  while (SharesOutputPipe(pid)) {
    const auto own = ReadProcessStat(pid);
    const auto parent = own ? ReadProcessStat(own->parent) : std::nullopt;
    if (!parent || !IsForkOf(*own, *parent)) break;
    pid = own->parent;
  }
  return OwnerWithPid(pid);
}

}  // namespace sluice::cli
