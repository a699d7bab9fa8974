#include "agent/sinks/cost_meter.h"

#include <algorithm>

namespace sluice::sinks {
namespace {

// Older measurements count half with each so many units.
constexpr uint64_t kHalfLife = 16'384;
// Users that are remembered; one that is forgotten costs what all do.
constexpr size_t kMostCosts = 1'024;

}  // namespace

size_t CostMeter::PartOf(uid_t uid) {
  for (size_t i = parts_.size(); i-- > 0;) {
    if (parts_[i].uid == uid) return i;
  }
  parts_.push_back({uid});
  return parts_.size() - 1;
}

void CostMeter::Enter(uid_t uid, size_t pending) {
  Pause(pending);
  since_ = clock_->BootNano();
  current_ = PartOf(uid);
  pending_ = pending;
  is_running_ = true;
}

void CostMeter::Pause(size_t pending) {
  if (!is_running_) return;
  is_running_ = false;
  Part& part = parts_[current_];
  part.nanos += clock_->BootNano() - since_;
  part.pending += std::max(pending, pending_) - pending_;
}

void CostMeter::OnCommit(uint64_t nanos) {
  uint64_t pending = 0;
  for (const Part& part : parts_) pending += part.pending;
  for (Part& part : parts_) {
    if (pending > 0) {
      part.nanos +=
          static_cast<uint64_t>(static_cast<double>(nanos) * static_cast<double>(part.pending) /
                                static_cast<double>(pending));
    }
    part.pending = 0;
  }
}

void CostMeter::Cost::Add(const Part& part) {
  nanos += part.nanos;
  units += part.units;
  while (units > 2 * kHalfLife) {
    nanos /= 2;
    units /= 2;
  }
}

void CostMeter::Publish() {
  if (parts_.empty()) return;
  {
    MutexLock lock(&mutex_);
    if (costs_.size() > kMostCosts) costs_.clear();
    for (const Part& part : parts_) {
      if (part.units == 0) continue;
      costs_[part.uid].Add(part);
      all_.Add(part);
    }
  }
  parts_.clear();
}

uint64_t CostMeter::NanosPerUnit(uid_t uid) const {
  MutexLock lock(&mutex_);
  const auto found = costs_.find(uid);
  const Cost& cost = found == costs_.end() ? all_ : found->second;
  return cost.units == 0 ? kUnmeasuredNanos : std::max(kLeastNanos, cost.nanos / cost.units);
}

}  // namespace sluice::sinks
