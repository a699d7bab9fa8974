// Problem: Frames that mean nothing cost the peer less than they cost the loop. A limit for each
// connection does not help, since a uid may have many and may open new ones.
//
// States: A uid owes nothing (paid_at_ is in the past or missing), owes no more than a second pays
// for, or is overdrawn. Waste moves paid_at_ forward; only time makes the debt less.
//
// Invariants:
// * paid_at_ is the time at which a uid that wastes no more will owe nothing. So nothing has to
//   count debts down, and an entry in the past means the same as none: those are what Waste may
//   drop.
// * A debt is not bound to connections. Otherwise a uid would be rid of it by closing its last one.
// * Waste answers true once for each time that a uid is overdrawn. net.throttled counts those.

#include "agent/net/loop_share.h"

#include <algorithm>

namespace sluice::net {
namespace {

// A uid may be ahead of its share by what a second pays for: mistakes are free, floods are not.
constexpr uint64_t kCreditNanos = 1'000'000'000;
// Entries kept before those that are paid for are dropped.
constexpr size_t kKeptEntries = 256;

}  // namespace

bool LoopShare::Waste(uid_t uid, uint64_t nanos, uint64_t now) {
  const uint32_t permille = uid == 0 ? limits_.permille_of_root : limits_.permille;
  if (nanos == 0 || permille >= 1000) return false;
  if (paid_at_.size() > kKeptEntries) {
    paid_at_.EraseIf([now](const auto& entry) { return entry.second <= now; });
  }
  uint64_t& paid_at = paid_at_[uid];
  const bool was_overdrawn = paid_at > now + kCreditNanos;
  paid_at = std::max(paid_at, now) + nanos * 1000 / permille;
  return !was_overdrawn && paid_at > now + kCreditNanos;
}

bool LoopShare::IsOverdrawn(uid_t uid, uint64_t now) const {
  const auto entry = paid_at_.find(uid);
  return entry != paid_at_.end() && entry->second > now + kCreditNanos;
}

}  // namespace sluice::net
