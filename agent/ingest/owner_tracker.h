// Ends the spans that belong to another process than their sender, or to none: when their owner is
// gone, and when their time is over. An owner's connections do not matter, so that it is watched
// apart from what ProcessTracker knows of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/base/event_loop.h"
#include "agent/identity/process_watch.h"
#include "agent/identity/span_owner.h"
#include "agent/ingest/abort_times.h"
#include "agent/live/span_table.h"

namespace sluice::ingest {

// Owned by the ingest thread.
class OwnerTracker {
 public:
  // Which spans, by their uid and owner.
  using Selects = std::function<bool(uid_t, const SpanOwner&)>;
  // Ends them for `cause`: as of net::OnProcessGone, or `ttl`. False: to be called again.
  using EndFn = std::function<bool(const Selects&, const std::string& cause)>;

  // What is pointed to outlives the tracker.
  OwnerTracker(net::EventLoop* loop, const live::SpanTable* spans, EndFn end);
  ~OwnerTracker();

  // Whether `uid` may name that owner: one that it has, or one more within limits::kSpanOwners*.
  // Owners without an open span are forgotten for it.
  bool HasRoom(uid_t uid, const SpanOwner& owner);

  // Spans of `uid` have that owner. `pidfd`, its process's, may be -1; it is duplicated.
  void Track(uid_t uid, const SpanOwner& owner, int pidfd);

  // When that owner's time or process ended, whichever came first.
  LifeEnd EndOf(uid_t uid, const SpanOwner& owner) const;

  // Of one uid.
  size_t CountOf(uid_t uid) const;

 private:
  struct Owner {
    std::unique_ptr<net::ProcessWatch> watch;
    bool gone = false;
  };
  using Owners = std::map<net::ProcessKey, Owner>;

  void TrackProcess(uid_t uid, const net::ProcessKey& process, int pidfd);
  // CLOCK_BOOTTIME; 0: it lives, or nobody saw it die.
  uint64_t DeathOf(uid_t uid, const net::ProcessKey& process) const;
  void ForgetUnused(uid_t uid, Owners* owners);
  void EndAfter(uint64_t delay_nano, uid_t uid, const net::ProcessKey& process,
                const std::string& cause);
  void ForEachOwner(const std::function<void(uid_t, const SpanOwner&)>& visit) const;
  // The clock is looked at again at that time, or before.
  void WakeAt(uint64_t boot_nano);
  void EndWhatIsDue();

  net::EventLoop* const loop_;
  const live::SpanTable* const spans_;
  const EndFn end_;
  std::map<uid_t, Owners> owners_;
  // Of the earliest time; 0: none.
  uint64_t wake_at_ = 0;
  net::EventLoop::TimerId timer_ = 0;
  uint64_t last_wake_ = 0;
};

}  // namespace sluice::ingest
