#include "agent/net/connection_tally.h"

namespace sluice::net {

const char* ConnectionTally::Admit(uid_t uid) {
  MutexLock lock(&mutex_);
  const auto entry = by_uid_.find(uid);
  const size_t mine = entry == by_uid_.end() ? 0 : entry->second;
  if (mine >= LimitOf(uid)) return "connections_per_uid";
  // Whoever has many stops first: N users who take all they can get leave as much free as each of
  // them has, one part of N + 1, to who comes later.
  const size_t free = FreeFor(uid);
  if (uid == 0 ? free == 0 : mine >= free) return "connections_total";
  ++connections_;
  ++by_uid_[uid];
  return nullptr;
}

void ConnectionTally::Leave(uid_t uid) {
  MutexLock lock(&mutex_);
  --connections_;
  const auto entry = by_uid_.find(uid);
  if (--entry->second == 0) by_uid_.erase(entry);
}

size_t ConnectionTally::FreeFor(uid_t uid) const {
  const size_t taken = connections_ + (uid == 0 ? 0 : limits_.reserved_for_root);
  return taken < limits_.connections ? limits_.connections - taken : 0;
}

size_t ConnectionTally::LimitOf(uid_t uid) const {
  return uid == 0 ? limits_.connections_of_root : limits_.connections_per_uid;
}

}  // namespace sluice::net
