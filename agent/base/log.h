// The agent's own messages: one line each on stderr, control characters escaped. Not a sink: what
// clients send never passes here. A failure is logged once, by whoever handles it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice {

// Numbers are syslog priorities.
enum class LogPriority { kError = 3, kWarning = 4, kInfo = 6, kDebug = 7 };

// Thread-safe. Messages less urgent than the threshold are not written.
void Log(LogPriority priority, absl::string_view message);
inline void LogError(absl::string_view message) { Log(LogPriority::kError, message); }
inline void LogWarning(absl::string_view message) { Log(LogPriority::kWarning, message); }
inline void LogInfo(absl::string_view message) { Log(LogPriority::kInfo, message); }
inline void LogDebug(absl::string_view message) { Log(LogPriority::kDebug, message); }

// kInfo unless set.
void SetLogThreshold(LogPriority least_urgent);

// The line as written, newline included. `with_priority` puts `<N>` in front, for journald.
std::string FormatLogLine(LogPriority priority, absl::string_view message, bool with_priority);

}  // namespace sluice
