#include "proto/text/journal_stream.h"

#include <sys/stat.h>

#include <cstdlib>

#include "proto/wire/utf8.h"

namespace sluice {
namespace {

// journald splits longer lines (LineMax= is 48 KiB), and would take a `<N>` at the start of the
// second half for a priority.
constexpr size_t kMaxLine = 48'000;

int SyslogPriority(Level level) {
  switch (level) {
    case Level::kError:
      return 3;
    case Level::kWarn:
      return 4;
    case Level::kDebug:
    case Level::kTrace:
      return 7;
    default:
      return 6;
  }
}

}  // namespace

bool IsJournalStream(int fd) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || ::fstat(fd, &info) != 0) return false;
  return std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino) == stream;
}

void AppendPriority(Level level, std::string* line) {
  line->append({'<', static_cast<char>('0' + SyslogPriority(level)), '>'});
}

void CutForJournal(size_t begin, std::string* out) {
  const size_t size = out->size() - begin;
  if (size <= kMaxLine) return;
  const size_t kept = Utf8Boundary(std::string_view(*out).substr(begin), kMaxLine - 64);
  out->resize(begin + kept);
  out->append("…[+").append(std::to_string(size - 1 - kept)).append(" bytes]\n");
}

}  // namespace sluice
