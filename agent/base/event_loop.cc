#include "agent/base/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::net {
namespace {

constexpr uint64_t kNanosPerMilli = 1'000'000;
// Events taken per wait. What a peer's event announces is done by a server, in an order of its own,
// which is as fair as what it knows of: of more that are ready epoll reports others the next time.
constexpr size_t kEventsPerTurn = 1024;

uint64_t Pack(int fd, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
}

int FdOf(uint64_t token) { return static_cast<int>(static_cast<uint32_t>(token)); }
uint32_t GenerationOf(uint64_t token) { return static_cast<uint32_t>(token >> 32); }

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(const Clock& clock) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return ErrnoStatus("epoll_create1");
  UniqueFd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup) return ErrnoStatus("eventfd");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = Pack(wakeup.get(), 0)}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wakeup.get(), &event) != 0) {
    return ErrnoStatus("watching the event loop's wakeup");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(clock, std::move(epoll), std::move(wakeup)));
}

EventLoop::EventLoop(const Clock& clock, UniqueFd epoll, UniqueFd wakeup)
    : clock_(clock), epoll_(std::move(epoll)), wakeup_(std::move(wakeup)), now_(clock.BootNano()) {}

EventLoop::~EventLoop() = default;

absl::Status EventLoop::WatchFd(int fd, uint32_t events, FdHandler* handler) {
  const size_t index = static_cast<size_t>(fd);
  if (index >= watches_.size()) watches_.resize(index + 1);
  const uint32_t generation = ++last_generation_;
  epoll_event event{.events = events, .data = {.u64 = Pack(fd, generation)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoStatus(absl::StrCat("watching descriptor ", fd));
  }
  watches_[index] = {handler, generation};
  return absl::OkStatus();
}

absl::Status EventLoop::ChangeEvents(int fd, uint32_t events) {
  epoll_event event{.events = events,
                    .data = {.u64 = Pack(fd, watches_[static_cast<size_t>(fd)].generation)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return ErrnoStatus(absl::StrCat("changing what is watched of descriptor ", fd));
  }
  return absl::OkStatus();
}

void EventLoop::UnwatchFd(int fd) {
  const size_t index = static_cast<size_t>(fd);
  if (index >= watches_.size() || watches_[index].handler == nullptr) return;
  watches_[index] = {};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::AddServer(Server* server) { servers_.push_back(server); }

void EventLoop::RemoveServer(Server* server) { std::erase(servers_, server); }

EventLoop::TimerId EventLoop::AddTimer(uint64_t boot_nano, Work work) {
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair(boot_nano, id), std::move(work));
  deadlines_.emplace(id, boot_nano);
  return id;
}

void EventLoop::CancelTimer(TimerId id) {
  const auto entry = deadlines_.find(id);
  if (entry == deadlines_.end()) return;
  timers_.erase({entry->second, id});
  deadlines_.erase(entry);
}

void EventLoop::RunAtTurnEnd(Work work) { turn_end_.push_back(std::move(work)); }

void EventLoop::Post(Work work) {
  bool first;
  {
    MutexLock lock(&mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (first) Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof(one));
}

void EventLoop::Run() {
  while (!stop_.load(std::memory_order_acquire)) Turn(-1);
}

void EventLoop::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

void EventLoop::RunOnce(int max_wait_ms) { Turn(max_wait_ms); }

void EventLoop::Turn(int max_wait_ms) {
  now_ = clock_.BootNano();
  DispatchFds(max_wait_ms);
  DispatchServers();
  DispatchTimers();
  DispatchTurnEnd();
}

int EventLoop::WaitMs(int max_wait_ms) const {
  if (has_more_ || !turn_end_.empty()) return 0;
  if (timers_.empty()) return max_wait_ms;
  const uint64_t deadline = timers_.begin()->first.first;
  if (deadline <= now_) return 0;
  // Rounded up: a timer that is woken for too early would spin until it is due. At most a minute: a
  // suspended machine's wait does not count the time slept, which the deadline does.
  const uint64_t wait = (deadline - now_ + kNanosPerMilli - 1) / kNanosPerMilli;
  const int bounded = static_cast<int>(std::min<uint64_t>(wait, 60'000));
  return max_wait_ms < 0 ? bounded : std::min(bounded, max_wait_ms);
}

void EventLoop::DispatchFds(int max_wait_ms) {
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 WaitMs(max_wait_ms));
  now_ = clock_.BootNano();
  bool posted = false;
  for (int i = 0; i < count; ++i) {
    const uint64_t token = events[static_cast<size_t>(i)].data.u64;
    if (FdOf(token) == wakeup_.get()) {
      posted = true;
      continue;
    }
    // Copied: the handler may watch other descriptors, which moves the table.
    const Watch watch = watches_[static_cast<size_t>(FdOf(token))];
    if (watch.handler == nullptr || watch.generation != GenerationOf(token)) continue;
    watch.handler->OnFdReady(events[static_cast<size_t>(i)].events);
  }
  if (posted) DispatchPosted();
}

void EventLoop::DispatchPosted() {
  uint64_t ignored;
  [[maybe_unused]] const ssize_t taken = ::read(wakeup_.get(), &ignored, sizeof(ignored));
  std::vector<Work> posted;
  {
    MutexLock lock(&mutex_);
    posted.swap(posted_);
  }
  for (Work& work : posted) work();
  now_ = clock_.BootNano();
}

void EventLoop::DispatchServers() {
  has_more_ = false;
  for (Server* const server : servers_) has_more_ |= server->Serve();
}

void EventLoop::DispatchTimers() {
  // Timers added by a timer wait for the next turn, so that one that renews itself at once cannot
  // hold the loop.
  const TimerId last = last_timer_;
  auto next = timers_.begin();
  while (next != timers_.end() && next->first.first <= now_) {
    if (next->first.second > last) {
      ++next;
      continue;
    }
    const Work work = std::move(next->second);
    deadlines_.erase(next->first.second);
    timers_.erase(next);
    work();
    next = timers_.begin();
  }
}

void EventLoop::DispatchTurnEnd() {
  std::vector<Work> works;
  works.swap(turn_end_);
  for (Work& work : works) work();
}

}  // namespace sluice::net
