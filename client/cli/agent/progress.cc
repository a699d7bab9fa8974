#include "client/cli/agent/progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

namespace sluice::cli {

Progress::Progress(std::string whom) : whom_(std::move(whom)) {
  if (::isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { Run(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  over_.notify_one();
  thread_.join();
}

void Progress::Run() {
  std::unique_lock lock(mutex_);
  int seconds = 0;
  while (!over_.wait_for(lock, std::chrono::seconds(1), [this] { return is_over_; })) {
    std::fprintf(stderr, "\rsluice: waiting for %s, %d s", whom_.c_str(), ++seconds);
  }
  if (seconds > 0) std::fputs("\r\x1b[K", stderr);
}

}  // namespace sluice::cli
