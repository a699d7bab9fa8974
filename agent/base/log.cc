#include "agent/base/log.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/log_writer.h"
#include "proto/text/journal_stream.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kLongestFlush{500};

std::atomic<LogPriority> threshold{LogPriority::kInfo};
// Null: Log writes itself.
std::atomic<LogWriter*> writer{nullptr};

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

// "sluiced: ", then the message and a newline.
void AppendText(absl::string_view label, absl::string_view message, std::string* line) {
  absl::StrAppend(line, "sluiced: ", label);
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      *line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(line, "\\x%02x", byte);
    } else {
      *line += c;
    }
  }
  *line += '\n';
}

}  // namespace

// systemd names the stream in JOURNAL_STREAM.
std::string FormatLogLine(LogPriority priority, absl::string_view message, bool with_priority) {
  std::string line = with_priority ? absl::StrCat("<", static_cast<int>(priority), ">") : "";
  AppendText(with_priority ? "" : absl::StrCat(PriorityName(priority), ": "), message, &line);
  return line;
}

std::string FormatJournaldRecord(LogPriority priority, absl::string_view message,
                                 absl::string_view id) {
  std::string record = absl::StrCat("PRIORITY=", static_cast<int>(priority),
                                    "\nSYSLOG_IDENTIFIER=sluiced\nMESSAGE_ID=", id, "\nMESSAGE=");
  AppendText("", message, &record);
  return record;
}

void SetLogThreshold(LogPriority least_urgent) { threshold = least_urgent; }

void StartLogThread() { writer = new LogWriter(STDERR_FILENO); }

void FlushLog() {
  if (LogWriter* const own = writer) own->Flush(LogWriter::Clock::now() + kLongestFlush);
}

uint64_t DroppedLogMessages() {
  const LogWriter* const own = writer;
  return own == nullptr ? 0 : own->dropped();
}

void Log(LogPriority priority, absl::string_view message, absl::string_view id) {
  if (priority > threshold.load(std::memory_order_relaxed)) return;
  if (LogWriter* const own = writer) return own->Add(priority, message, id);
  static const bool journal = IsJournalStream(STDERR_FILENO);
  const std::string line = FormatLogLine(priority, message, journal);
  // A lost message of the agent's own has nowhere else to be reported.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sluice
