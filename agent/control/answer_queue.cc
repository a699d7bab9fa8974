#include "agent/control/answer_queue.h"

#include <algorithm>

namespace sluice::control {
namespace {

void Decrement(ByUser<int>* counts, uid_t uid) {
  const auto count = counts->find(uid);
  if (--count->second == 0) counts->erase(count);
}

int CountOf(const ByUser<int>& counts, uid_t uid) {
  const auto count = counts.find(uid);
  return count == counts.end() ? 0 : count->second;
}

}  // namespace

int AnswerQueue::running_of(uid_t uid) const { return CountOf(running_, uid); }

bool AnswerQueue::HasRoom(uid_t uid) const {
  if (uid == 0) return running_of(0) < limits_.of_root;
  return running_of(uid) < limits_.per_uid && users_running_ < limits_.in_all;
}

bool AnswerQueue::Add(Ticket ticket, uid_t uid) {
  // One that is answered at once waits only until Next.
  const int most = limits_.waiting_per_uid + (HasRoom(uid) ? 1 : 0);
  if (CountOf(waiting_of_, uid) >= most) return false;
  if (uid != 0 && !HasRoom(uid) && users_waiting_ >= limits_.waiting_in_all) return false;
  waiting_.push_back({ticket, uid});
  ++waiting_of_[uid];
  if (uid != 0) ++users_waiting_;
  return true;
}

bool AnswerQueue::Forget(Ticket ticket) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [ticket](const Waiting& one) { return one.ticket == ticket; });
  if (found == waiting_.end()) return false;
  Decrement(&waiting_of_, found->uid);
  if (found->uid != 0) --users_waiting_;
  waiting_.erase(found);
  return true;
}

std::optional<AnswerQueue::Ticket> AnswerQueue::Next() {
  auto next = waiting_.end();
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (!HasRoom(it->uid)) continue;
    if (next == waiting_.end() || running_of(it->uid) < running_of(next->uid)) next = it;
  }
  if (next == waiting_.end()) return std::nullopt;
  const Waiting taken = *next;
  Forget(taken.ticket);
  ++running_[taken.uid];
  if (taken.uid != 0) ++users_running_;
  return taken.ticket;
}

void AnswerQueue::Finish(uid_t uid) {
  Decrement(&running_, uid);
  if (uid != 0) --users_running_;
}

std::optional<uid_t> AnswerQueue::UidToMakeRoom() const {
  const bool is_shut_out =
      std::any_of(waiting_.begin(), waiting_.end(),
                  [this](const Waiting& one) { return one.uid != 0 && running_of(one.uid) == 0; });
  if (!is_shut_out) return std::nullopt;
  std::optional<uid_t> most;
  for (const auto& [uid, count] : running_) {
    if (uid == 0 || count < 2) continue;
    if (!most.has_value() || count > running_of(*most)) most = uid;
  }
  return most;
}

}  // namespace sluice::control
