#include "agent/net/serving_order.h"

#include <algorithm>

namespace sluice::net {
namespace {

// Users kept before those are dropped who have no client and no debt.
constexpr size_t kKeptUsers = 256;

}  // namespace

struct ServingOrder::User {
  uint64_t weight = 1;
  uint64_t time = 0;  // virtual
  size_t clients = 0;
  std::array<std::deque<Client*>, 2> waiting;
  std::array<bool, 2> placed{};  // in the lane's heap
};

ServingOrder::ServingOrder() = default;
ServingOrder::~ServingOrder() = default;

ServingOrder::User* ServingOrder::Join(uid_t uid) {
  if (users_.size() > kKeptUsers) {
    users_.EraseIf([this](const auto& entry) {
      const User& user = *entry.second;
      return user.clients == 0 && user.time <= now_ && !user.placed[kRead] &&
             !user.placed[kTurnEnd];
    });
  }
  std::unique_ptr<User>& user = users_[uid];
  if (user == nullptr) {
    user = std::make_unique<User>();
    if (uid == 0) user->weight = kWeightOfRoot;
  }
  ++user->clients;
  return user.get();
}

// Who comes back soon finds its debt.
void ServingOrder::Leave(User* user) { --user->clients; }

void ServingOrder::Add(Lane lane, User* user, Client* client) {
  user->waiting[lane].push_back(client);
  Enter(lane, user);
}

void ServingOrder::AddFirst(Lane lane, User* user, Client* client) {
  user->waiting[lane].push_front(client);
  Enter(lane, user);
}

void ServingOrder::Enter(Lane lane, User* user) {
  if (user->placed[lane]) return;
  if (!user->placed[kRead] && !user->placed[kTurnEnd]) {
    user->time = std::clamp(user->time, now_, now_ + kLongestDebtNanos);
  }
  Push(lane, user);
}

void ServingOrder::Push(Lane lane, User* user) {
  user->placed[lane] = true;
  lanes_[lane].push_back({user->time, user});
  std::push_heap(lanes_[lane].begin(), lanes_[lane].end());
}

void ServingOrder::Remove(Lane lane, User* user, const Client* client) {
  std::erase(user->waiting[lane], client);
}

ServingOrder::Client* ServingOrder::Next(Lane lane) {
  std::vector<Place>& heap = lanes_[lane];
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Place place = heap.back();
    heap.pop_back();
    User* const user = place.user;
    user->placed[lane] = false;
    if (user->waiting[lane].empty()) continue;
    // Something was spent on it since: it stands further behind.
    if (user->time > place.at) {
      Push(lane, user);
      continue;
    }
    // Ending a turn is due in any case, and so tells nothing of who is behind.
    if (lane == kRead) now_ = std::max(now_, place.at);
    Client* const client = user->waiting[lane].front();
    user->waiting[lane].pop_front();
    if (!user->waiting[lane].empty()) Push(lane, user);
    return client;
  }
  return nullptr;
}

bool ServingOrder::OthersWait(const User* user) const {
  return lanes_[kRead].size() > (user->placed[kRead] ? 1 : 0);
}

void ServingOrder::Spend(User* user, uint64_t nanos) { user->time += nanos / user->weight; }

}  // namespace sluice::net
