// Writes whole lines to a descriptor that is the program's, and does the program no harm by it.
#pragma once

#include <atomic>
#include <string_view>

namespace sluice {

// Thread-safe.
class StderrWriter {
 public:
  explicit StderrWriter(int fd) : fd_(fd) {}

  // One write(2) where the descriptor takes all at once. Waits only as long as that does: what a
  // non-blocking descriptor does not take is lost. Raises no SIGPIPE and leaves errno alone. After
  // an error nothing is written any more.
  void Write(std::string_view line);

 private:
  void WriteAll(std::string_view line);

  const int fd_;
  std::atomic<bool> is_broken_{false};
  // The last line lost its end, its line feed too.
  std::atomic<bool> is_torn_{false};
};

}  // namespace sluice
