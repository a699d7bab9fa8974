#include "agent/identity/process_watch.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/descriptor_reserve.h"
#include "agent/identity/proc_file.h"

namespace sluice::net {
namespace {

constexpr uint64_t kSecondNanos = 1'000'000'000;
constexpr char kGone[] = "process gone";

// <linux/pidfd.h> since Linux 6.13, its first version of 64 bytes; not in Debian 12's headers.
struct PidfdRecord {
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t ids[11];
  int32_t exit_code;
};
static_assert(sizeof(PidfdRecord) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xff, 11, PidfdRecord);
constexpr uint64_t kPidfdInfoExit = 1 << 3;  // Linux 6.15, once the process is reaped

enum class ExitState { kKnown, kNotReaped, kNeverKnown };

ExitState QueryExit(int pidfd, int* wait_status) {
  PidfdRecord record{.mask = kPidfdInfoExit};
  if (::ioctl(pidfd, kPidfdGetInfo, &record) != 0) return ExitState::kNeverKnown;
  if ((record.mask & kPidfdInfoExit) == 0) return ExitState::kNotReaped;
  *wait_status = record.exit_code;
  return ExitState::kKnown;
}

class PidfdWatch final : public ProcessWatch, private EventLoop::FdHandler {
 public:
  PidfdWatch(EventLoop* loop, UniqueFd pidfd, OnProcessGone on_gone)
      : loop_(loop), pidfd_(std::move(pidfd)), on_gone_(std::move(on_gone)) {}

  ~PidfdWatch() override {
    loop_->CancelTimer(patience_);
    loop_->UnwatchFd(pidfd_.get());
  }

  bool Begin() {
    pollfd state = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    was_dead_ = ::poll(&state, 1, 0) != 0;
    return loop_->WatchFd(pidfd_.get(), EPOLLIN, this).ok();
  }

  uint64_t died_boot_nano() const override { return died_boot_nano_; }

 private:
  void OnFdReady(uint32_t events) override {
    if (!was_dead_ && died_boot_nano_ == 0) died_boot_nano_ = loop_->now();
    int wait_status = 0;
    const ExitState state = QueryExit(pidfd_.get(), &wait_status);
    if (state == ExitState::kKnown) return Report(FormatExitCause(wait_status));
    if (state == ExitState::kNeverKnown || (events & EPOLLHUP) != 0) return Report(kGone);
    AwaitReaping();
  }

  // A pidfd is readable from the exit on, and hangs up when the process is reaped.
  void AwaitReaping() {
    if (!loop_->ChangeEvents(pidfd_.get(), 0).ok()) return Report(kGone);
    patience_ = loop_->AddTimer(loop_->now() + kSecondNanos, [this] { Report(kGone); });
  }

  void Report(const std::string& cause) {
    loop_->UnwatchFd(pidfd_.get());
    loop_->CancelTimer(patience_);
    const OnProcessGone on_gone = std::move(on_gone_);
    on_gone(cause);  // may destroy this
  }

  EventLoop* const loop_;
  const UniqueFd pidfd_;
  OnProcessGone on_gone_;
  bool was_dead_ = false;
  uint64_t died_boot_nano_ = 0;
  EventLoop::TimerId patience_ = 0;
};

class PollingWatch final : public ProcessWatch {
 public:
  PollingWatch(EventLoop* loop, const ProcessKey& process, OnProcessGone on_gone)
      : loop_(loop), process_(process), on_gone_(std::move(on_gone)) {
    LookAt(loop_->now());
  }

  ~PollingWatch() override { loop_->CancelTimer(timer_); }

 private:
  void LookAt(uint64_t boot_nano) {
    timer_ = loop_->AddTimer(boot_nano, [this] { Look(); });
  }

  void Look() {
    timer_ = 0;
    const std::optional<ProcessStat> stat = ReadProcessStat(process_.pid);
    if (stat && stat->start_time_ticks == process_.start_time_ticks) {
      return LookAt(loop_->now() + kSecondNanos);
    }
    const OnProcessGone on_gone = std::move(on_gone_);
    on_gone(kGone);  // may destroy this
  }

  EventLoop* const loop_;
  const ProcessKey process_;
  OnProcessGone on_gone_;
  EventLoop::TimerId timer_ = 0;
};

class NoWatch final : public ProcessWatch {};

// The start time is read after opening: the same one means that the pidfd is the process's.
UniqueFd OpenPidfd(const ProcessKey& process) {
  if (process.pid <= 0) return UniqueFd();
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!pidfd || process.start_time_ticks == 0) return pidfd;
  const std::optional<ProcessStat> stat = ReadProcessStat(process.pid);
  if (!stat || stat->start_time_ticks != process.start_time_ticks) pidfd.reset();
  return pidfd;
}

}  // namespace

std::unique_ptr<ProcessWatch> ProcessWatch::Start(EventLoop* loop, const ProcessKey& process,
                                                  UniqueFd pidfd, OnProcessGone on_gone) {
  if (!pidfd) pidfd = OpenPidfd(process);
  const bool can_poll = process.pid > 0 && process.start_time_ticks != 0;
  if (can_poll) pidfd = UnlessReserved(std::move(pidfd));
  if (pidfd) {
    auto watch = std::make_unique<PidfdWatch>(loop, std::move(pidfd), on_gone);
    if (watch->Begin()) return watch;
  }
  if (process.pid <= 0) return std::make_unique<NoWatch>();
  return std::make_unique<PollingWatch>(loop, process, std::move(on_gone));
}

std::string FormatExitCause(int wait_status) {
  if (WIFEXITED(wait_status)) return absl::StrCat("exit code ", WEXITSTATUS(wait_status));
  if (!WIFSIGNALED(wait_status)) return kGone;
  const int signal = WTERMSIG(wait_status);
  const char* name = ::sigabbrev_np(signal);
  if (name == nullptr) return absl::StrCat("signal ", signal);
  return absl::StrCat("signal ", signal, " (SIG", name, ")");
}

}  // namespace sluice::net
