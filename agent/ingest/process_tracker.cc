#include "agent/ingest/process_tracker.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "agent/ingest/end_delays.h"
#include "proto/record/limits.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kReconnectNanos = uint64_t{limits::kReconnectSeconds} * 1'000'000'000;

}  // namespace

net::ProcessKey ProcessOf(const Identity& identity) {
  return {identity.pid, identity.start_time_ticks};
}

ProcessTracker::ProcessTracker(net::EventLoop* loop, OnGone on_gone)
    : loop_(loop), on_gone_(std::move(on_gone)) {}

void ProcessTracker::Track(const net::ProcessKey& key, int pidfd) {
  if (key.pid == 0) return;
  Process& process = processes_[key];
  if (process.watch != nullptr) return;
  UniqueFd own(pidfd < 0 ? -1 : ::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  process.watch =
      net::ProcessWatch::Start(loop_, key, std::move(own), [this, key](const std::string& cause) {
        processes_[key].gone = true;
        ReportAfter(kDrainNanos, key, cause);
      });
}

void ProcessTracker::OnStreamOpen(const net::ProcessKey& key) {
  Process& process = processes_[key];
  ++process.streams;
  // A process that is gone does not come back: this is a child with its connection.
  if (!process.gone) loop_->CancelTimer(std::exchange(process.timer, 0));
}

void ProcessTracker::NoteLife(const net::ProcessKey& key, uint64_t boot_nano) {
  const auto found = processes_.find(key);
  if (found == processes_.end()) return;
  uint64_t& last = found->second.last_life_boot_nano;
  last = std::max(last, boot_nano);
}

LifeEnd ProcessTracker::EndOf(const net::ProcessKey& key) const {
  const auto found = processes_.find(key);
  if (found == processes_.end()) return {};
  const Process& process = found->second;
  const uint64_t died = process.watch == nullptr ? 0 : process.watch->died_boot_nano();
  return died != 0 ? LifeEnd{died, true} : LifeEnd{process.last_life_boot_nano, false};
}

void ProcessTracker::OnStreamClose(const net::ProcessKey& key) {
  NoteLife(key, loop_->clock().BootNano());
  const auto found = processes_.find(key);
  if (found == processes_.end() || --found->second.streams > 0 || found->second.gone) return;
  const bool nothing_open = found->second.watch == nullptr && key.pid != 0;
  if (nothing_open) {
    processes_.erase(found);
    return;
  }
  ReportAfter(kReconnectNanos, key, "connection lost");
}

void ProcessTracker::ReportAfter(uint64_t delay_nano, const net::ProcessKey& key,
                                 const std::string& cause) {
  const auto found = processes_.find(key);
  if (found == processes_.end()) return;
  loop_->CancelTimer(found->second.timer);
  found->second.timer = loop_->AddTimer(loop_->clock().BootNano() + delay_nano, [=, this] {
    const auto due = processes_.find(key);
    if (due == processes_.end()) return;
    due->second.timer = 0;
    if (on_gone_(key, cause)) {
      processes_.erase(key);
    } else {
      ReportAfter(kEndRetryNanos, key, cause);
    }
  });
}

}  // namespace sluice::ingest
