// Tells when to look again for a pool whose directory is missing: the daemon, whose package brings
// it, may be installed and started long after us.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/unique_fd.h"

namespace sluice::kvp {

// Watches the pool's directory with inotify, or its nearest existing ancestor while there is none.
// What is written to the pool does not wake it. One thread owns it.
class PoolWatch {
 public:
  // A directory that exists by now was perhaps missing a moment ago: look once more afterwards.
  static absl::StatusOr<PoolWatch> Create(const std::string& pool_path);

  // For poll(2): readable when a file or directory came or went where the pool's may come next.
  int fd() const { return inotify_.get(); }

  // Takes in what happened, without blocking, and moves the watch on to where the next change will
  // show. Look for the pool after it.
  absl::Status Read();

 private:
  PoolWatch(std::string pool_path, UniqueFd inotify);
  absl::Status WatchNearest();

  std::string pool_path_;
  UniqueFd inotify_;
  int watch_ = -1;
};

}  // namespace sluice::kvp
