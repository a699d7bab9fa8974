// What the questions of each uid cost, and who has to wait before it asks again.
//
// A question's cost is known once it was answered, or while it is: the processor time that its
// thread and the loop spent on it. It is a debt that time pays off. Who owes more than its credit
// is refused until it owes less, so that over time each uid gets a part of one core and all users
// together get another, however many they are and whatever they ask.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "agent/base/user_of.h"

namespace sluice::control {

// Owned by one thread. Times in nanoseconds, never falling. uid 0 owes nothing.
class QuestionCost {
 public:
  struct Limits {
    // Of one core, over time.
    uint32_t permille_per_uid = 100;
    uint32_t permille_of_users = 300;
    // How much may be owed: by hand one asks rarely, and much at once. That of all users is shared:
    // of n that owe something each has one part in n + 1.
    uint64_t credit_per_uid = 5'000'000'000;
    uint64_t credit_of_users = 10'000'000'000;
  };

  QuestionCost() : QuestionCost(Limits{}) {}
  explicit QuestionCost(const Limits& limits) : limits_(limits) {}

  void Charge(uid_t uid, uint64_t nanos, uint64_t now);

  // After how long the uid may ask; 0: now. Who owes nothing may.
  uint64_t WaitOf(uid_t uid, uint64_t now);

  // Uids that owe something.
  size_t size() const { return owed_.size(); }

 private:
  // Takes off what time has paid, which is shared by those who owe.
  void Pay(uint64_t now);
  uint64_t Credit() const;
  uint64_t Permille() const;

  const Limits limits_;
  uint64_t paid_until_ = 0;
  ByUser<uint64_t> owed_;
};

}  // namespace sluice::control
