// One thread's wait for everything: descriptors, timers, and work posted by other threads.
//
// A turn of the loop is: wait, descriptor handlers, posted work, servers, timers due, end-of-turn
// work. What a handler puts off to the end of the turn (writes, destruction of what is on the
// stack) happens once per turn however often it was asked for by different handlers.
//
// Only Post and Stop are thread-safe; the rest belongs to the thread that runs the loop, or to the
// creator before it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

class EventLoop {
 public:
  class FdHandler {
   public:
    virtual ~FdHandler() = default;
    // `events` is a set of EPOLL*. What is not taken is reported again, unless EPOLLET is watched.
    virtual void OnFdReady(uint32_t events) = 0;
  };

  // Has work of its own that descriptors only announce, and does it in an order of its own.
  class Server {
   public:
    virtual ~Server() = default;
    // Called in every turn. Does a bounded part of what there is to do; true: there is more, so
    // that the next turn does not wait.
    virtual bool Serve() = 0;
  };

  using Work = std::function<void()>;
  using TimerId = uint64_t;  // never 0, never used again

  // `clock` outlives the loop.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const Clock& clock = Clock::System());
  ~EventLoop();

  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Neither fd nor handler is owned; unwatch before closing the fd. After UnwatchFd the handler is
  // not called again, not even for an event of the current turn.
  absl::Status WatchFd(int fd, uint32_t events, FdHandler* handler);
  absl::Status ChangeEvents(int fd, uint32_t events);
  void UnwatchFd(int fd);

  // Not owned. Not from within a server's Serve.
  void AddServer(Server* server);
  void RemoveServer(Server* server);

  // Runs `work` once, no earlier than CLOCK_BOOTTIME reaches `boot_nano`; a millisecond late is
  // usual.
  TimerId AddTimer(uint64_t boot_nano, Work work);
  // Nothing happens when it ran already, or for 0.
  void CancelTimer(TimerId id);

  // Runs `work` after the other work of this turn. Work added by such work runs in the next turn,
  // which then does not wait.
  void RunAtTurnEnd(Work work);

  // Thread-safe. Runs `work` on the loop's thread, in the order of posting. Work that the loop
  // never comes to is destroyed with the loop.
  void Post(Work work) EXCLUDES(mutex_);

  // Turns until Stop. Stop is thread-safe and async-signal-safe, and holds when called before Run.
  void Run();
  void Stop();

  // One turn that waits at most so long; for tests and benchmarks.
  void RunOnce(int max_wait_ms);

  const Clock& clock() const { return clock_; }
  // CLOCK_BOOTTIME as of the start of this turn, or of the end of its posted work, without a system
  // call.
  uint64_t now() const { return now_; }

 private:
  struct Watch {
    FdHandler* handler = nullptr;
    // Tells an event of this watch from one of an earlier watch of the same fd number.
    uint32_t generation = 0;
  };

  EventLoop(const Clock& clock, UniqueFd epoll, UniqueFd wakeup);

  void Turn(int max_wait_ms);
  int WaitMs(int max_wait_ms) const;
  void DispatchFds(int max_wait_ms);
  void DispatchPosted();
  void DispatchServers();
  void DispatchTimers();
  void DispatchTurnEnd();
  void Wake();

  const Clock& clock_;
  const UniqueFd epoll_;
  const UniqueFd wakeup_;
  std::vector<Watch> watches_;  // by fd
  uint32_t last_generation_ = 0;
  std::vector<Server*> servers_;
  bool has_more_ = false;  // to serve, as of the last turn
  std::map<std::pair<uint64_t, TimerId>, Work> timers_;
  std::map<TimerId, uint64_t> deadlines_;  // for CancelTimer
  TimerId last_timer_ = 0;
  std::vector<Work> turn_end_;
  uint64_t now_;
  std::atomic<bool> stop_{false};

  Mutex mutex_;
  std::vector<Work> posted_ GUARDED_BY(mutex_);
};

}  // namespace sluice::net
