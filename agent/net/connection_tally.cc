#include "agent/net/connection_tally.h"

namespace sluice::net {

const char* ConnectionTally::Admit(uid_t uid) {
  MutexLock lock(&mutex_);
  const size_t reserved = uid == 0 ? 0 : limits_.reserved_for_root;
  if (connections_ + reserved >= limits_.connections) return "connections_total";
  size_t& mine = by_uid_[uid];
  if (mine >= LimitOf(uid)) return "connections_per_uid";
  ++connections_;
  ++mine;
  return nullptr;
}

void ConnectionTally::Leave(uid_t uid) {
  MutexLock lock(&mutex_);
  --connections_;
  const auto entry = by_uid_.find(uid);
  if (--entry->second == 0) by_uid_.erase(entry);
}

size_t ConnectionTally::LimitOf(uid_t uid) const {
  return uid == 0 ? limits_.connections_of_root : limits_.connections_per_uid;
}

}  // namespace sluice::net
