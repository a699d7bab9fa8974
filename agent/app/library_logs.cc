#include "agent/app/library_logs.h"

#include <google/protobuf/stubs/logging.h>

#include <atomic>
#include <bit>
#include <cstdint>
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

bool PrintsNothing(absl::LogSeverity, const char*, int, char**, int*) { return false; }

void OnAbslFatal(const char* file, int line, const char*, const char* text, const char* end) {
  LogError(absl::StrCat("absl: ", file, ":", line, ": ", absl::string_view(text, end - text)));
  FlushLog();
}

}  // namespace

void TakeOverLibraryLogs() {
  google::protobuf::SetLogHandler(OnProtobufMessage);
  absl::raw_logging_internal::RegisterLogFilterAndPrefixHook(PrintsNothing);
  absl::raw_logging_internal::RegisterAbortHook(OnAbslFatal);
}

}  // namespace sluice::app
