// Whose question is answered next: a few at a time, fairly among uids.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "agent/base/user_of.h"

namespace sluice::control {

// Owned by one thread.
class AnswerQueue {
 public:
  struct Limits {
    // Answered at once: of one uid, of all users together, and of root, which has room of its own.
    int per_uid = 2;
    int in_all = 8;
    int of_root = 8;
    // That wait for room, of one uid and of all users.
    int waiting_per_uid = 8;
    int waiting_in_all = 32;
  };
  using Ticket = uint64_t;

  explicit AnswerQueue(const Limits& limits) : limits_(limits) {}

  // A question asks for its turn. False: too many of the uid's, or of all users, wait.
  bool Add(Ticket ticket, uid_t uid);
  // It is asked no more. False: it does not wait.
  bool Forget(Ticket ticket);

  // Takes who is answered now: of the uids for which there is room the one with the fewest that are
  // answered already, and of these the one that asked first. nullopt: nobody.
  std::optional<Ticket> Next();
  // One of the uid's that Next gave has its answer.
  void Finish(uid_t uid);

  bool has_waiting() const { return !waiting_.empty(); }
  int running_of(uid_t uid) const;
  // The user with most answers under way, where that is more than one and somebody waits who has
  // none.
  std::optional<uid_t> UidToMakeRoom() const;

 private:
  struct Waiting {
    Ticket ticket = 0;
    uid_t uid = 0;
  };

  bool HasRoom(uid_t uid) const;

  const Limits limits_;
  std::list<Waiting> waiting_;  // first come, first
  ByUser<int> running_;
  ByUser<int> waiting_of_;
  int users_running_ = 0;
  int users_waiting_ = 0;
};

}  // namespace sluice::control
