#include "agent/journal/shared_state.h"

#include <utility>

namespace sluice::journal {

void SharedState::Count(const std::string& name, const std::string& reason, uint64_t count) const {
  if (counters != nullptr && count > 0) counters->Add(name, reason, {}, count);
}

SharedState::SegmentPtr SharedState::FindSegment(uint64_t sequence) const {
  MutexLock lock(&mutex_);
  auto after = segments_.upper_bound(sequence);
  if (after != segments_.begin()) {
    const SegmentPtr& holder = std::prev(after)->second;
    if (sequence < holder->end_sequence.load()) return holder;
  }
  return after == segments_.end() ? nullptr : after->second;
}

SharedState::SegmentPtr SharedState::SegmentAt(uint64_t first_sequence) const {
  MutexLock lock(&mutex_);
  const auto found = segments_.find(first_sequence);
  return found == segments_.end() ? nullptr : found->second;
}

std::vector<SharedState::SegmentPtr> SharedState::Segments() const {
  MutexLock lock(&mutex_);
  std::vector<SegmentPtr> segments;
  for (const auto& [first, segment] : segments_) segments.push_back(segment);
  return segments;
}

void SharedState::AddSegment(SegmentPtr segment) {
  {
    MutexLock lock(&mutex_);
    if (!segments_.empty() && segments_.rbegin()->first < segment->first_sequence) {
      Segment& last = *segments_.rbegin()->second;
      last.end_sequence = segment->first_sequence;
      last.sealed = true;
    }
    SegmentPtr& place = segments_[segment->first_sequence];
    if (place != nullptr) place->gone = true;
    place = std::move(segment);
  }
  Wake();
}

void SharedState::RemoveSegment(const Segment& segment) {
  {
    MutexLock lock(&mutex_);
    const auto found = segments_.find(segment.first_sequence);
    if (found == segments_.end() || found->second.get() != &segment) return;
    found->second->gone = true;
    segments_.erase(found);
  }
  Wake();
}

void SharedState::SupersedeBy(SegmentPtr segment) {
  {
    MutexLock lock(&mutex_);
    const auto from = segments_.lower_bound(segment->first_sequence);
    for (auto it = from; it != segments_.end(); ++it) it->second->gone = true;
    segments_.erase(from, segments_.end());
  }
  AddSegment(std::move(segment));
}

void SharedState::ReplaceSegment(SegmentPtr moved) {
  MutexLock lock(&mutex_);
  SegmentPtr& place = segments_[moved->first_sequence];
  if (place != nullptr) place->gone = true;
  place = std::move(moved);
}

void SharedState::Publish(uint64_t last_sequence) {
  last_written_.store(last_sequence, std::memory_order_release);
  Wake();
}

void SharedState::Wake() {
  progress_.fetch_add(1);
  if (waiting_.load() == 0) return;
  // Who has looked at progress_ sleeps by the time this is ours. Told only when it is free again:
  // else those that wake go to sleep once more, for the mutex.
  { MutexLock lock(&wait_mutex_); }
  moved_.NotifyAll();
}

bool SharedState::WaitForProgress(uint64_t seen, std::atomic<bool>* woken,
                                  std::chrono::steady_clock::time_point deadline) {
  // A wait for nothing is a sleep nevertheless, if a short one.
  bool in_time = deadline > std::chrono::steady_clock::now();
  MutexLock lock(&wait_mutex_);
  waiting_.fetch_add(1);
  while (progress_.load() == seen && !woken->load() && in_time) {
    in_time = moved_.WaitUntil(&wait_mutex_, deadline);
  }
  waiting_.fetch_sub(1);
  const bool was_woken = woken->exchange(false);
  return !was_woken && progress_.load() != seen;
}

Epoch SharedState::epoch() const {
  MutexLock lock(&mutex_);
  return epoch_;
}

void SharedState::SetEpoch(const Epoch& epoch) {
  MutexLock lock(&mutex_);
  epoch_ = epoch;
}

std::shared_ptr<SinkPosition> SharedState::Position(const std::string& sink) {
  MutexLock lock(&mutex_);
  std::shared_ptr<SinkPosition>& position = positions_[sink];
  if (position == nullptr) position = std::make_shared<SinkPosition>(sink);
  return position;
}

std::vector<std::shared_ptr<SinkPosition>> SharedState::Positions() const {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<SinkPosition>> positions;
  for (const auto& [sink, position] : positions_) positions.push_back(position);
  return positions;
}

}  // namespace sluice::journal
