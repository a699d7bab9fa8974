#include "agent/net/byte_budget.h"

namespace sluice::net {

bool ByteBudget::Charge(uid_t uid, size_t bytes) {
  if (bytes == 0) return true;
  const size_t mine = used_by(uid);
  if (bytes > limits_.per_uid - mine) return false;
  // What users hold together is never root's loss.
  const size_t of_users = used_ - used_by(0);
  if (uid != 0 && bytes > limits_.total - of_users) return false;
  used_ += bytes;
  by_uid_[uid] = mine + bytes;
  return true;
}

void ByteBudget::Release(uid_t uid, size_t bytes) {
  const auto entry = by_uid_.find(uid);
  if (entry == by_uid_.end()) return;
  used_ -= bytes;
  entry->second -= bytes;
  if (entry->second == 0) by_uid_.erase(entry);
}

size_t ByteBudget::used_by(uid_t uid) const {
  const auto entry = by_uid_.find(uid);
  return entry == by_uid_.end() ? 0 : entry->second;
}

}  // namespace sluice::net
