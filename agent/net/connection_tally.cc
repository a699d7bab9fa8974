#include "agent/net/connection_tally.h"

#include <algorithm>

namespace sluice::net {

const char* ConnectionTally::Admit(uid_t uid) {
  const size_t reserved = uid == 0 ? 0 : limits_.reserved_for_root;
  if (connections_ + reserved >= limits_.connections) return "connections_total";
  const auto entry = uids_.find(uid);
  if (entry != uids_.end() && entry->second.connections >= LimitOf(uid)) {
    return "connections_per_uid";
  }
  ++connections_;
  ++uids_[uid].connections;
  return nullptr;
}

void ConnectionTally::Leave(uid_t uid) {
  --connections_;
  const auto entry = uids_.find(uid);
  if (--entry->second.connections == 0) uids_.erase(entry);
}

size_t ConnectionTally::ShareRead(uid_t uid, uint64_t turn) {
  OfUid& mine = uids_[uid];
  if (mine.turn != turn) {
    mine.turn = turn;
    mine.reads_before = mine.reads;
    mine.reads = 0;
  }
  return std::max(++mine.reads, mine.reads_before);
}

size_t ConnectionTally::LimitOf(uid_t uid) const {
  return uid == 0 ? limits_.connections_of_root : limits_.connections_per_uid;
}

}  // namespace sluice::net
