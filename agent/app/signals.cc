#include "agent/app/signals.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "agent/base/status_macros.h"

namespace sluice::app {
namespace {

sigset_t WatchedSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

void BlockSignals() {
  const sigset_t signals = WatchedSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

absl::StatusOr<std::unique_ptr<SignalWatch>> SignalWatch::Create(net::EventLoop* loop,
                                                                 std::function<void()> on_stop,
                                                                 std::function<void()> on_reload) {
  const sigset_t signals = WatchedSignals();
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return ErrnoStatus("signalfd");
  auto watch = std::unique_ptr<SignalWatch>(
      new SignalWatch(loop, std::move(fd), std::move(on_stop), std::move(on_reload)));
  RETURN_IF_ERROR(loop->WatchFd(watch->fd_.get(), EPOLLIN, watch.get()));
  return watch;
}

SignalWatch::SignalWatch(net::EventLoop* loop, UniqueFd fd, std::function<void()> on_stop,
                         std::function<void()> on_reload)
    : loop_(loop),
      fd_(std::move(fd)),
      on_stop_(std::move(on_stop)),
      on_reload_(std::move(on_reload)) {}

SignalWatch::~SignalWatch() { loop_->UnwatchFd(fd_.get()); }

void SignalWatch::OnFdReady(uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      on_reload_();
    } else {
      on_stop_();
    }
  }
}

}  // namespace sluice::app
