#include "agent/control/question_cost.h"

#include <algorithm>

namespace sluice::control {
namespace {

// What is owed is looked through no more often.
constexpr uint64_t kPayInterval = 1'000'000;

}  // namespace

uint64_t QuestionCost::Credit() const {
  return std::min(limits_.credit_per_uid, limits_.credit_of_users / (owed_.size() + 1));
}

uint64_t QuestionCost::Permille() const {
  const uint64_t shared = limits_.permille_of_users / std::max<size_t>(owed_.size(), 1);
  return std::clamp<uint64_t>(shared, 1, limits_.permille_per_uid);
}

void QuestionCost::Pay(uint64_t now) {
  if (now < paid_until_ + kPayInterval) return;
  const uint64_t paid = (now - paid_until_) / 1000 * Permille();
  paid_until_ = now;
  for (auto& [uid, owed] : owed_) owed -= std::min(owed, paid);
  owed_.EraseIf([](const auto& entry) { return entry.second == 0; });
}

void QuestionCost::Charge(uid_t uid, uint64_t nanos, uint64_t now) {
  if (uid == 0 || nanos == 0) return;
  Pay(now);
  owed_[uid] += nanos;
}

uint64_t QuestionCost::WaitOf(uid_t uid, uint64_t now) {
  Pay(now);
  const auto owed = owed_.find(uid);
  if (owed == owed_.end() || owed->second <= Credit()) return 0;
  return (owed->second - Credit()) / Permille() * 1000;
}

}  // namespace sluice::control
