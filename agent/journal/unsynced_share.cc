#include "agent/journal/unsynced_share.h"

namespace sluice::journal {

void UnsyncedShare::Add(uint64_t sequence, uid_t uid, uint64_t bytes) {
  by_uid_[uid] += bytes;
  if (uid != 0) of_users_ += bytes;
  if (!runs_.empty() && runs_.back().uid == uid && runs_.back().bytes < kRunBytes) {
    runs_.back().last_sequence = sequence;
    runs_.back().bytes += bytes;
  } else {
    runs_.push_back({sequence, uid, bytes});
  }
}

void UnsyncedShare::Settle(uint64_t sequence) {
  for (; !runs_.empty() && runs_.front().last_sequence <= sequence; runs_.pop_front()) {
    const Run& run = runs_.front();
    if (run.uid != 0) of_users_ -= run.bytes;
    const auto entry = by_uid_.find(run.uid);
    entry->second -= run.bytes;
    if (entry->second == 0) by_uid_.erase(entry);
  }
}

UnsyncedShare::Bytes UnsyncedShare::Of(uid_t uid) const {
  const auto entry = by_uid_.find(uid);
  return {entry == by_uid_.end() ? 0 : entry->second, of_users_};
}

}  // namespace sluice::journal
