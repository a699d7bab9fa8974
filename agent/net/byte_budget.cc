#include "agent/net/byte_budget.h"

namespace sluice::net {

bool ByteBudget::Charge(uid_t uid, size_t bytes) {
  if (bytes == 0) return true;
  const size_t mine = used_by(uid);
  if (bytes > limits_.per_uid - mine || !HasRoom(uid, bytes)) return false;
  used_ += bytes;
  by_uid_[uid] = mine + bytes;
  return true;
}

bool ByteBudget::ChargeWork(uid_t uid, size_t bytes) {
  if (!HasRoom(uid, bytes)) return false;
  if (uid != 0) used_ += bytes;
  return true;
}

void ByteBudget::ReleaseWork(uid_t uid, size_t bytes) {
  if (uid != 0) used_ -= bytes;
}

// What users hold together is never root's loss.
bool ByteBudget::HasRoom(uid_t uid, size_t bytes) const {
  const size_t of_users = used_ - used_by(0);
  return uid == 0 || (of_users <= limits_.total && bytes <= limits_.total - of_users);
}

void ByteBudget::Release(uid_t uid, size_t bytes) {
  const auto entry = by_uid_.find(uid);
  if (entry == by_uid_.end()) return;
  used_ -= bytes;
  entry->second -= bytes;
  if (entry->second == 0) by_uid_.erase(entry);
}

Charge& Charge::operator=(Charge&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = other.budget_;
  uid_ = other.uid_;
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

bool Charge::Resize(size_t bytes) {
  if (bytes > bytes_ && !budget_->Charge(uid_, bytes - bytes_)) return false;
  if (bytes < bytes_) budget_->Release(uid_, bytes_ - bytes);
  bytes_ = bytes;
  return true;
}

void Charge::Release() {
  if (bytes_ > 0) budget_->Release(uid_, std::exchange(bytes_, 0));
}

size_t ByteBudget::used_by(uid_t uid) const {
  const auto entry = by_uid_.find(uid);
  return entry == by_uid_.end() ? 0 : entry->second;
}

}  // namespace sluice::net
