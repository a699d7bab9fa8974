// Which user a uid belongs to where users share something: its own, or the one to whom the
// administrator gave it as a subordinate uid, for containers without root. Else a user with 65,536
// of them would have as many shares.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace sluice {

// Uids from `first` to `last` belong to `user`.
struct SubordinateUids {
  uid_t first = 0;
  uid_t last = 0;
  uid_t user = 0;
};

// For the life of the process, before it has other threads: what is charged to a user is to be
// given back to the same. Where ranges overlap, the one that begins last holds, and behind its end
// none of them. Root's are left out, since they would give what is in a container root's
// privileges, and root is nobody's subordinate.
void SetSubordinateUids(std::vector<SubordinateUids> ranges);

// From any thread.
uid_t UserOf(uid_t uid);

// What belongs to users, found by any uid of theirs.
template <typename Value>
class ByUser {
 public:
  using Map = absl::flat_hash_map<uid_t, Value>;
  using iterator = typename Map::iterator;
  using const_iterator = typename Map::const_iterator;

  Value& operator[](uid_t uid) { return map_[UserOf(uid)]; }
  iterator find(uid_t uid) { return map_.find(UserOf(uid)); }
  const_iterator find(uid_t uid) const { return map_.find(UserOf(uid)); }
  bool contains(uid_t uid) const { return map_.contains(UserOf(uid)); }
  void erase(const_iterator at) { map_.erase(at); }
  void erase(iterator at) { map_.erase(at); }
  void clear() { map_.clear(); }
  template <typename Predicate>
  void EraseIf(Predicate predicate) {
    absl::erase_if(map_, predicate);
  }

  // By users.
  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  const_iterator begin() const { return map_.begin(); }
  const_iterator end() const { return map_.end(); }
  size_t size() const { return map_.size(); }
  bool empty() const { return map_.empty(); }

 private:
  Map map_;
};

}  // namespace sluice
