// The agent's own messages: one line each on stderr, control characters escaped. Not a sink: what
// clients send never passes here. A failure is logged once, by whoever handles it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice {

// Numbers are syslog priorities.
enum class LogPriority { kError = 3, kWarning = 4, kInfo = 6, kDebug = 7 };

// Thread-safe. Messages less urgent than the threshold are not written. Waits for stderr until
// StartLogThread, and never after. `id`: one of message_ids.h, or empty.
void Log(LogPriority priority, absl::string_view message, absl::string_view id = {});
inline void LogError(absl::string_view message, absl::string_view id = {}) {
  Log(LogPriority::kError, message, id);
}
inline void LogWarning(absl::string_view message, absl::string_view id = {}) {
  Log(LogPriority::kWarning, message, id);
}
inline void LogInfo(absl::string_view message) { Log(LogPriority::kInfo, message); }
inline void LogDebug(absl::string_view message) { Log(LogPriority::kDebug, message); }

// From here on messages are queued, in their order, and written by a thread of their own. It is
// left behind when the process ends: FlushLog comes before that. Call once, while nobody else logs.
void StartLogThread();

// Waits until everything logged is written, for half a second at most.
void FlushLog();

// Messages that stderr did not take.
uint64_t DroppedLogMessages();

// kInfo unless set.
void SetLogThreshold(LogPriority least_urgent);

// The line as written, newline included. `with_priority` puts `<N>` in front, for journald.
std::string FormatLogLine(LogPriority priority, absl::string_view message, bool with_priority);

// The same for journald, with its id, which the line on stderr has no place for.
std::string FormatJournaldRecord(LogPriority priority, absl::string_view message,
                                 absl::string_view id);

}  // namespace sluice
