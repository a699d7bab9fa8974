#include "agent/sinks/flush_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::sinks {

uint64_t FlushQueue::Add(uint64_t sequence, bool roots_only, Done done) {
  MutexLock lock(&mutex_);
  requests_.push_back({++last_id_, sequence, roots_only, std::move(done)});
  return last_id_;
}

void FlushQueue::AddForNobody(uint64_t sequence) {
  MutexLock lock(&mutex_);
  const auto found = std::find_if(requests_.begin(), requests_.end(),
                                  [](const Request& request) { return request.done == nullptr; });
  if (found != requests_.end()) {
    found->sequence = std::max(found->sequence, sequence);
  } else {
    requests_.push_back({++last_id_, sequence, /*roots_only=*/true, nullptr});
  }
}

void FlushQueue::Cancel(uint64_t id) {
  MutexLock lock(&mutex_);
  std::erase_if(requests_, [&](const Request& request) { return request.id == id; });
}

void FlushQueue::Answer(const Place& place, const absl::Status& status) {
  std::vector<Request> due;
  {
    MutexLock lock(&mutex_);
    const auto first_due =
        std::partition(requests_.begin(), requests_.end(),
                       [&](const Request& request) { return !request.IsDue(place); });
    std::move(first_due, requests_.end(), std::back_inserter(due));
    requests_.erase(first_due, requests_.end());
  }
  for (const Request& request : due) {
    if (request.done != nullptr) request.done(status);
  }
}

bool FlushQueue::IsDue(const Place& place) const {
  MutexLock lock(&mutex_);
  return std::any_of(requests_.begin(), requests_.end(),
                     [&](const Request& request) { return request.IsDue(place); });
}

bool FlushQueue::IsRootsDue(const Place& place) const {
  MutexLock lock(&mutex_);
  return std::any_of(requests_.begin(), requests_.end(), [&](const Request& request) {
    return request.roots_only && request.IsDue(place);
  });
}

uint64_t FlushQueue::RootsWanted(const Place& place) const {
  MutexLock lock(&mutex_);
  uint64_t wanted = 0;
  for (const Request& request : requests_) {
    if (request.roots_only && !request.IsDue(place)) wanted = std::max(wanted, request.sequence);
  }
  return wanted;
}

size_t FlushQueue::size() const {
  MutexLock lock(&mutex_);
  return requests_.size();
}

}  // namespace sluice::sinks
