#include "agent/base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice {
namespace {

std::atomic<LogPriority> threshold{LogPriority::kInfo};

absl::string_view PriorityName(LogPriority priority) {
  switch (priority) {
    case LogPriority::kError:
      return "error";
    case LogPriority::kWarning:
      return "warning";
    case LogPriority::kInfo:
      return "info";
    case LogPriority::kDebug:
      return "debug";
  }
  return "info";
}

}  // namespace

// systemd names the stream in JOURNAL_STREAM.
bool StderrIsJournal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &info) != 0) return false;
  return absl::StrCat(info.st_dev, ":", info.st_ino) == stream;
}

std::string FormatLogLine(LogPriority priority, absl::string_view message, bool with_priority) {
  std::string line = with_priority ? absl::StrCat("<", static_cast<int>(priority), ">") : "";
  absl::StrAppend(&line, "sluiced: ");
  if (!with_priority) absl::StrAppend(&line, PriorityName(priority), ": ");
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&line, "\\x%02x", byte);
    } else {
      line += c;
    }
  }
  line += '\n';
  return line;
}

void SetLogThreshold(LogPriority least_urgent) { threshold = least_urgent; }

void Log(LogPriority priority, absl::string_view message) {
  if (priority > threshold.load(std::memory_order_relaxed)) return;
  static const bool journal = StderrIsJournal();
  const std::string line = FormatLogLine(priority, message, journal);
  // A lost message of the agent's own has nowhere else to be reported.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sluice
