#include "client/cli/interrupt.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::cli {
namespace {

volatile sig_atomic_t signal_came = 0;

void OnSignal(int) { signal_came = 1; }

timespec TimeLeft(rpc::Deadline deadline) {
  const auto left =
      std::max(deadline - std::chrono::steady_clock::now(), rpc::Deadline::duration{});
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  return {.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
}

}  // namespace

Interrupt::Interrupt() {
  signal_came = 0;
  sigset_t taken;
  sigemptyset(&taken);
  sigaddset(&taken, SIGINT);
  sigaddset(&taken, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &taken, &before_);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, &int_before_);
  sigaction(SIGTERM, &action, &term_before_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &int_before_, nullptr);
  sigaction(SIGTERM, &term_before_, nullptr);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupt::Wait(int fd, short events, rpc::Deadline deadline) {
  if (is_raised()) return;
  // Asked for no event, stdout tells only that its other end is gone.
  pollfd watched[] = {{.fd = STDOUT_FILENO, .events = 0, .revents = 0},
                      {.fd = fd, .events = events, .revents = 0}};
  const timespec left = TimeLeft(deadline);
  sigset_t open = before_;
  sigdelset(&open, SIGINT);
  sigdelset(&open, SIGTERM);
  const bool is_endless = deadline == rpc::Deadline::max();
  if (ppoll(watched, std::size(watched), is_endless ? nullptr : &left, &open) < 0) return;
  if ((watched[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) stdout_closed_ = true;
}

bool Interrupt::is_raised() const { return signal_came != 0 || stdout_closed_; }

}  // namespace sluice::cli
