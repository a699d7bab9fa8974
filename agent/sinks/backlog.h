// What each user has journalled and sinks may still have to read: in units (sink_load.h), by
// sequence, so that a sink's place alone tells what it has before it.
//
// One addition for each entry and nothing for a record; sinks tell nothing but their place. A
// user's entries are kept in groups of about kGroupUnits, which count as unread until all of a
// group is read.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <deque>

#include "agent/base/user_of.h"

namespace sluice::sinks {

// Owned by the loop's thread.
class Backlog {
 public:
  static constexpr uint64_t kGroupUnits = 1'024;

  // The journal's last entry: whose it is and what is before it is not known.
  explicit Backlog(uint64_t last_sequence) : unknown_(last_sequence), last_(last_sequence) {}

  // `uid` has one more entry. Whether a group became full. Root's are counted for no sink.
  bool Append(uint64_t sequence, uid_t uid, uint64_t units);

  uint64_t last_sequence() const { return last_; }
  // The last entry of `uid`, or a later one where that is not known any more.
  uint64_t LastOf(uid_t uid) const;

  // What `uid` has after `sequence`.
  uint64_t UnitsAfter(uid_t uid, uint64_t sequence) const;
  // Calls `visit(uid, units)` with each user that has anything after `sequence`.
  template <typename Visit>
  void ForEachAfter(uint64_t sequence, Visit visit) const {
    for (const auto& [uid, user] : users_) {
      if (user.last <= sequence) continue;
      if (const uint64_t units = user.UnitsAfter(sequence); units > 0) visit(uid, units);
    }
  }

  // Every sink that is asked about has passed `counted`; all sinks have passed `all`, and who sent
  // nothing since may be forgotten.
  void Forget(uint64_t counted, uint64_t all);
  size_t users() const { return users_.size(); }

 private:
  struct Group {
    uint64_t last = 0;   // its last entry
    uint64_t total = 0;  // the user's units up to there
  };
  struct User {
    uint64_t last = 0;
    uint64_t total = 0;
    // Of the groups that are not kept any more.
    uint64_t forgotten = 0;
    std::deque<Group> groups;

    bool Add(uint64_t sequence, uint64_t units);
    uint64_t UnitsAfter(uint64_t sequence) const;
    void Forget(uint64_t sequence);
  };

  void ForgetOldest();

  ByUser<User> users_;
  uint64_t unknown_;
  uint64_t last_;
};

}  // namespace sluice::sinks
