#include "agent/lines/line_budget.h"

#include <algorithm>

namespace sluice::lines {
namespace {

constexpr uid_t kRoot = 0;
// Looked through for accounts that are settled by now, whenever they are so many more.
constexpr size_t kManyAccounts = 1024;

// What is left of an excess after so long. A clock that went back gives nothing.
int64_t Refilled(int64_t excess, uint64_t since, uint64_t now) {
  constexpr auto kNanos = std::chrono::nanoseconds(LineBudget::kRefill).count();
  const auto passed = static_cast<double>(now > since ? now - since : 0);
  const double back = passed / static_cast<double>(kNanos) * LineBudget::kAllowance;
  return back >= static_cast<double>(excess) ? 0 : excess - static_cast<int64_t>(back);
}

}  // namespace

std::optional<LineForm> LineBudget::FormOf(const stream::Delivery& delivery) {
  if (sequence_ != delivery.sequence) {
    Close();
    Open(delivery);
  }
  if (uid_ == kRoot || excess_ < kAllowance / 2) return LineForm::kWhole;
  if (excess_ < kAllowance) return LineForm::kShort;
  return std::nullopt;
}

void LineBudget::Open(const stream::Delivery& delivery) {
  sequence_ = delivery.sequence;
  uid_ = delivery.user();
  unix_nano_ = delivery.received_unix_nano;
  excess_ = 0;
  if (const auto account = accounts_.find(uid_); account != accounts_.end()) {
    excess_ = Refilled(account->second.excess, account->second.unix_nano, unix_nano_);
    accounts_.erase(account);
  }
  excess_ -= kFactor * static_cast<int64_t>(delivery.entry_bytes);
}

void LineBudget::Close() {
  // What an entry did not use of its pay is not kept: it would let a later one be all of scope.
  if (!sequence_.has_value() || uid_ == kRoot || excess_ <= 0) return;
  if (accounts_.size() >= kManyAccounts && (accounts_.size() & (accounts_.size() - 1)) == 0) {
    accounts_.EraseIf([this](const auto& account) {
      return Refilled(account.second.excess, account.second.unix_nano, unix_nano_) == 0;
    });
  }
  accounts_[uid_] = {excess_, unix_nano_};
}

}  // namespace sluice::lines
