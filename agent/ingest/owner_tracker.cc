#include "agent/ingest/owner_tracker.h"

#include <fcntl.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "agent/ingest/end_delays.h"
#include "proto/record/limits.h"

namespace sluice::ingest {
namespace {

// Between two looks at the clock, each of which passes over every open span: times that differ by
// less end together.
constexpr uint64_t kLookNanos = 100'000'000;

net::ProcessKey OwningProcess(const SpanOwner& owner) {
  return {owner.pid, owner.start_time_ticks};
}

}  // namespace

OwnerTracker::OwnerTracker(net::EventLoop* loop, const live::SpanTable* spans, EndFn end)
    : loop_(loop), spans_(spans), end_(std::move(end)) {}

OwnerTracker::~OwnerTracker() { loop_->CancelTimer(timer_); }

size_t OwnerTracker::CountOf(uid_t uid) const {
  const auto owners = owners_.find(uid);
  return owners == owners_.end() ? 0 : owners->second.size();
}

bool OwnerTracker::HasRoom(uid_t uid, const SpanOwner& owner) {
  const auto owners = owners_.find(uid);
  if (owner.pid == 0 || owners == owners_.end()) return true;
  const size_t most = uid == 0 ? limits::kSpanOwnersOfRoot : limits::kSpanOwnersPerUid;
  if (owners->second.size() < most || owners->second.contains(OwningProcess(owner))) return true;
  ForgetUnused(uid, &owners->second);
  return owners->second.size() < most;
}

void OwnerTracker::ForgetUnused(uid_t uid, Owners* owners) {
  std::set<net::ProcessKey> used;
  ForEachOwner([&](uid_t of, const SpanOwner& owner) {
    if (of == uid && owner.pid != 0) used.insert(OwningProcess(owner));
  });
  // One that is gone has work to come, which takes it away.
  std::erase_if(*owners, [&](const auto& entry) {
    return !entry.second.gone && !used.contains(entry.first);
  });
}

void OwnerTracker::ForEachOwner(const std::function<void(uid_t, const SpanOwner&)>& visit) const {
  spans_->ForEach([&](const std::shared_ptr<live::Span>& span) {
    if (span->origin->owner.is_set()) visit(span->key.uid, span->origin->owner);
  });
  spans_->ForEachDropped([&](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
    if (span.owner.is_set()) visit(key.uid, span.owner);
  });
}

void OwnerTracker::Track(uid_t uid, const SpanOwner& owner, int pidfd) {
  if (owner.pid != 0) TrackProcess(uid, OwningProcess(owner), pidfd);
  if (owner.end_boottime_nano != 0) WakeAt(owner.end_boottime_nano);
}

void OwnerTracker::TrackProcess(uid_t uid, const net::ProcessKey& process, int pidfd) {
  Owner& owner = owners_[uid][process];
  if (owner.watch != nullptr) return;
  UniqueFd own(pidfd < 0 ? -1 : ::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  owner.watch = net::ProcessWatch::Start(loop_, process, std::move(own),
                                         [this, uid, process](const std::string& cause) {
                                           owners_[uid][process].gone = true;
                                           EndAfter(kDrainNanos, uid, process, cause);
                                         });
}

void OwnerTracker::EndAfter(uint64_t delay_nano, uid_t uid, const net::ProcessKey& process,
                            const std::string& cause) {
  loop_->AddTimer(loop_->clock().BootNano() + delay_nano, [=, this] {
    const auto is_its = [&](uid_t of, const SpanOwner& owner) {
      return of == uid && OwningProcess(owner) == process;
    };
    if (!end_(is_its, cause)) return EndAfter(kEndRetryNanos, uid, process, cause);
    const auto owners = owners_.find(uid);
    owners->second.erase(process);
    if (owners->second.empty()) owners_.erase(owners);
  });
}

uint64_t OwnerTracker::DeathOf(uid_t uid, const net::ProcessKey& process) const {
  const auto owners = owners_.find(uid);
  if (owners == owners_.end()) return 0;
  const auto found = owners->second.find(process);
  if (found == owners->second.end() || found->second.watch == nullptr) return 0;
  return found->second.watch->died_boot_nano();
}

LifeEnd OwnerTracker::EndOf(uid_t uid, const SpanOwner& owner) const {
  const uint64_t due = owner.end_boottime_nano;
  const bool is_over = due != 0 && due <= loop_->clock().BootNano();
  uint64_t end = DeathOf(uid, OwningProcess(owner));
  if (is_over && (end == 0 || due < end)) end = due;
  return {end, end != 0};
}

void OwnerTracker::WakeAt(uint64_t boot_nano) {
  boot_nano = std::max(boot_nano, last_wake_ + kLookNanos);
  if (wake_at_ != 0 && wake_at_ <= boot_nano) return;
  loop_->CancelTimer(timer_);
  wake_at_ = boot_nano;
  timer_ = loop_->AddTimer(boot_nano, [this] { EndWhatIsDue(); });
}

void OwnerTracker::EndWhatIsDue() {
  const uint64_t now = loop_->clock().BootNano();
  timer_ = 0;
  wake_at_ = 0;
  last_wake_ = now;
  const bool ended = end_(
      [now](uid_t, const SpanOwner& owner) {
        return owner.end_boottime_nano != 0 && owner.end_boottime_nano <= now;
      },
      "ttl");
  if (!ended) return WakeAt(now + kEndRetryNanos);
  uint64_t next = std::numeric_limits<uint64_t>::max();
  ForEachOwner([&](uid_t, const SpanOwner& owner) {
    if (owner.end_boottime_nano != 0) next = std::min(next, owner.end_boottime_nano);
  });
  if (next != std::numeric_limits<uint64_t>::max()) WakeAt(next);
}

}  // namespace sluice::ingest
