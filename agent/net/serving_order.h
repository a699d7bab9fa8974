// Who is served next on the loop's thread: of the users who wait, the one who has had least of it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "agent/base/user_of.h"

namespace sluice::net {

// Start-time fair queueing. Each user has a virtual time: what was spent on it, divided by its
// weight. Whoever comes, or comes back after a while, begins at the virtual time of the one who is
// served, so that nothing is saved up and a newcomer waits for one step at most. However many
// connections a user has, they share what is its own, in the order in which they began to wait.
//
// There are two lanes to wait in: to be read from, and to have the turn ended.
class ServingOrder {
 public:
  // Of the loop's time, with others waiting.
  static constexpr uint64_t kWeightOfRoot = 4;
  // At most so far a user is behind others for what was spent on it.
  static constexpr uint64_t kLongestDebtNanos = 100'000'000;

  // What waits.
  class Client {
   public:
    virtual ~Client() = default;
  };
  struct User;
  enum Lane { kRead, kTurnEnd };

  ServingOrder();
  ~ServingOrder();

  // For each client; the user stays valid until it left as often.
  User* Join(uid_t uid);
  void Leave(User* user);

  // Behind the user's others, or before them: then they wait until it does not come first any more.
  // Not while the client is in that lane.
  void Add(Lane lane, User* user, Client* client);
  void AddFirst(Lane lane, User* user, Client* client);
  // Nothing happens where it is not in the lane.
  void Remove(Lane lane, User* user, const Client* client);

  // Takes out the next client of that lane; null: none.
  Client* Next(Lane lane);
  bool IsEmpty(Lane lane) const { return lanes_[lane].empty(); }
  // Whether others than `user` wait to be read from.
  bool OthersWait(const User* user) const;

  // The loop worked so long for the user.
  void Spend(User* user, uint64_t nanos);

 private:
  // Where a user stands in a lane, by its virtual time when it was put there.
  struct Place {
    uint64_t at;
    User* user;
    bool operator<(const Place& other) const { return at > other.at; }  // the least on top
  };

  void Enter(Lane lane, User* user);
  void Push(Lane lane, User* user);

  ByUser<std::unique_ptr<User>> users_;
  std::array<std::vector<Place>, 2> lanes_;  // heaps; a user at most once
  uint64_t now_ = 0;                         // the virtual time of who was read from last
};

}  // namespace sluice::net
