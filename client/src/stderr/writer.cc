#include "client/src/stderr/writer.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace sluice {
namespace {

// Holds SIGPIPE back from the calling thread, and takes away the one that a write within raised.
class SigpipeScope {
 public:
  SigpipeScope() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~SigpipeScope() {
    const timespec at_once = {};
    if (!was_pending_) sigtimedwait(&sigpipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeScope(const SigpipeScope&) = delete;
  SigpipeScope& operator=(const SigpipeScope&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_;
};

}  // namespace

void StderrWriter::Write(std::string_view line) {
  if (is_broken_.load(std::memory_order_relaxed)) return;
  const int errno_before = errno;
  {
    const SigpipeScope scope;
    if (is_torn_.exchange(false)) WriteAll("\n");
    if (!is_torn_) WriteAll(line);
  }
  errno = errno_before;
}

void StderrWriter::WriteAll(std::string_view line) {
  const size_t whole = line.size();
  while (!line.empty()) {
    const ssize_t written = write(fd_, line.data(), line.size());
    if (written >= 0) {
      line.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // A lone line feed that is lost is one still owed.
      if (line.size() < whole || whole == 1) is_torn_ = true;
      return;
    } else if (errno != EINTR) {
      is_broken_ = true;
      return;
    }
  }
}

}  // namespace sluice
