// Tells when a missing pool file, or its missing directory, appears, and when another file takes
// the name. The daemon, whose package brings the directory, may start long after us.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace sluice::kvp {

// Watches the pool's directory with inotify, or its nearest existing ancestor while there is none.
// Writes to the pool, ours included, do not wake it. One thread owns it.
class PoolWatch {
 public:
  enum class Event {
    kNone,         // nothing that matters
    kAppeared,     // the directory or the file came into being
    kReplaced,     // another file took the name
    kDisappeared,  // the name is gone
  };

  // NotFound cannot happen: the root directory always exists.
  static absl::StatusOr<PoolWatch> Create(const std::string& pool_path);

  // Readable when Read() has something to look at; for poll(2).
  int fd() const { return inotify_.get(); }

  // Takes in what happened so far, without blocking, and moves the watch on to where the next
  // change will show.
  absl::StatusOr<Event> Read();

 private:
  // What the pool's path is now.
  struct Sight {
    bool directory = false;
    bool file = false;
    dev_t device = 0;
    ino_t inode = 0;
  };

  PoolWatch(std::string pool_path, UniqueFd inotify);
  Sight Look() const;
  absl::Status WatchNearest();

  std::string pool_path_;
  UniqueFd inotify_;
  std::string watched_;
  int watch_ = -1;
  Sight seen_;
};

}  // namespace sluice::kvp
