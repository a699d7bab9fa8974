// Knows the processes that have spans open or records under way, and when one of them is gone for
// good. It is the process that counts, not its connection: a forked child may hold that open.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/base/event_loop.h"
#include "agent/identity/process_watch.h"
#include "agent/ingest/abort_times.h"
#include "agent/net/connection.h"

namespace sluice::ingest {

net::ProcessKey ProcessOf(const Identity& identity);

// Owned by the ingest thread.
class ProcessTracker {
 public:
  // `cause` as of net::OnProcessGone, or `connection lost`. Called once a process; what is read
  // from its sockets in the meantime came before. Returns false when it has to be called again.
  using OnGone = std::function<bool(const net::ProcessKey&, const std::string& cause)>;

  // `loop` outlives the tracker.
  ProcessTracker(net::EventLoop* loop, OnGone on_gone);

  // The process has an open span. `pidfd` may be -1; it is duplicated.
  void Track(const net::ProcessKey& process, int pidfd);

  // A Connect stream of the process began, or ended. When the last one of a living process has been
  // away for limits::kReconnectSeconds, the process counts as gone.
  void OnStreamOpen(const net::ProcessKey& process);
  void OnStreamClose(const net::ProcessKey& process);

  // A sign of life of a process that is tracked, CLOCK_BOOTTIME; the last one counts.
  void NoteLife(const net::ProcessKey& process, uint64_t boot_nano);
  // When it ended; while it lives, and where nobody saw it, its last sign of life, the end of a
  // stream among them.
  LifeEnd EndOf(const net::ProcessKey& process) const;

  size_t size() const { return processes_.size(); }

 private:
  struct Process {
    std::unique_ptr<net::ProcessWatch> watch;
    int streams = 0;
    bool gone = false;
    uint64_t last_life_boot_nano = 0;
    net::EventLoop::TimerId timer = 0;
  };

  void ReportAfter(uint64_t delay_nano, const net::ProcessKey& key, const std::string& cause);

  net::EventLoop* const loop_;
  const OnGone on_gone_;
  std::map<net::ProcessKey, Process> processes_;
};

}  // namespace sluice::ingest
