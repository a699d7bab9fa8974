// The rule for what users share and hold for long, such as room in the log.
//
// All together hold at most `limit`. Of that a quarter is set apart as small parts: the first 1/64
// of it that each user holds. So 64 users find theirs whatever others hold; more do while others
// have not used theirs, or while the rest has room. The rest, three quarters, goes by a dynamic
// threshold: beyond its small part a user may hold as much as all leave of the rest. One alone gets
// half of it, n greedy ones 1/(n + 1) each. By itself that threshold would not do: greedy ones who
// come one after the other leave half as much each, and what they hold does not drain.
#pragma once

#include <cstdint>

namespace sluice {

// Counts what all users hold; what each of them holds is the caller's to know. In any unit, of
// which all sums fit 64 bits. Not thread-safe.
class SharedLimit {
 public:
  // Nobody holds anything.
  explicit SharedLimit(uint64_t limit) : limit_(limit) {}

  // Whether a user that holds so much may hold `more`. Who may not have some may not have more.
  bool HasRoom(uint64_t held, uint64_t more) const;
  // Whether a user that holds so much has used up its small part and more.
  bool IsBeyondSmallPart(uint64_t held) const { return held > SmallPart(held); }
  // What one user holds changed, whether there was room for it or not.
  void Change(uint64_t before, uint64_t after);

  uint64_t limit() const { return limit_; }
  // Of all users.
  uint64_t held() const { return held_; }

 private:
  uint64_t SmallParts() const { return limit_ / 4; }
  uint64_t SmallPart(uint64_t held) const;

  uint64_t limit_;
  uint64_t held_ = 0;
  // Of `held_`; more than SmallParts() where many users take theirs from the rest.
  uint64_t small_ = 0;
};

}  // namespace sluice
