#include "agent/app/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "agent/base/log.h"

namespace sluice::app {
namespace {

using google::protobuf::LogLevel;

void OnProtobufMessage(LogLevel level, const char*, int, const std::string& message) {
  static std::atomic<uint64_t> seen{0};
  const uint64_t count = ++seen;
  if (level == google::protobuf::LOGLEVEL_FATAL) {
    LogError(absl::StrCat("libprotobuf: ", message));
    FlushLog();
  } else if (std::has_single_bit(count)) {
    LogWarning(absl::StrCat("libprotobuf: ", message, " (its message ", count, ")"));
  }
}

// absl has no hook that is given a message. Only why it ends the process is printed, and only where
// that does not wait: such a message is shorter than what poll(2) promises room for.
bool MayPrint(absl::LogSeverity severity, const char* file, int line, char** buffer, int* size) {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (severity != absl::LogSeverity::kFatal || ::poll(&out, 1, 0) != 1) return false;
  const int written = std::snprintf(*buffer, *size, "sluiced: error: absl: %s:%d: ", file, line);
  if (written > 0 && written < *size) {
    *buffer += written;
    *size -= written;
  }
  return true;
}

}  // namespace

void TakeOverLibraryLogs() {
  google::protobuf::SetLogHandler(OnProtobufMessage);
  absl::raw_logging_internal::RegisterLogFilterAndPrefixHook(MayPrint);
}

}  // namespace sluice::app
