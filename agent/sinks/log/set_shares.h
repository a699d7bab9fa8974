// Who holds how much of the log: of the file that is written and those rotated from it, which are
// one ring for all users.
//
// All users but root together hold at most `limit` bytes. One of them may write as long as what it
// holds is less than what is left of that (a dynamic threshold, as switches have it for shared
// buffers): alone it gets half, n greedy ones limit/(n+1) each, and a newcomer finds room whoever
// is there. What it writes beyond that is cut, so it neither takes room nor has files rotated.
//
// A line goes with its file, once as many files as are kept have been filled behind it. All that
// users wrote behind it is held as long as it is there, so that is at most `limit`, and the rest
// must have come from root. SetLimit() leaves a quarter for that.
//
// Only rotation frees room, which takes what others write. So that a user is not cut for ever in a
// quiet log, what it holds counts for half after each day.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace sluice::log_sink {

// Three quarters of the rotated files' bytes. Where none is kept, of the one file: then a rotation
// takes everything, and nothing is promised. 0: the set has no size, nobody is cut.
uint64_t SetLimit(uint64_t max_size, uint32_t rotate_keep);

// Owned by one thread.
class SetShares {
 public:
  SetShares(uint64_t max_size, uint32_t rotate_keep);

  bool MayWrite(uid_t uid);
  // Its line is about to be written.
  void Add(uid_t uid, size_t bytes);
  // All that was added is in the newest file; there were so many rotations so far.
  void Written(uint64_t rotations);
  // The file that was written last is no longer of the set: another program moved it away.
  void FileReplaced();
  // To be called now and then.
  void Age(uint64_t boot_nano);

  // A line of `uid` is cut: whether the log is to say so, which it does once for each file and
  // user, and for so many users that these lines are next to nothing of the file.
  bool TellsOf(uid_t uid);

  // For another agent of the same boot; false: `encoded` is of another boot, or malformed.
  std::string Encode() const;
  bool Restore(absl::string_view encoded, uint64_t boot_nano);

 private:
  // Bytes by uid, those of days ago in part.
  using Holdings = absl::flat_hash_map<uid_t, double>;

  void EndRun();
  void Recount();

  const uint64_t limit_;
  const size_t files_kept_;
  const size_t most_told_;
  // Newest first.
  std::deque<Holdings> files_{1};
  // Of all files, and of what is not written yet.
  Holdings held_;
  double total_ = 0;
  Holdings unwritten_;
  // The user whose lines come, most in a row; root: nobody's.
  uid_t run_uid_ = 0;
  double run_held_ = 0;
  double run_bytes_ = 0;
  uint64_t rotations_ = 0;
  uint64_t aged_boot_nano_ = 0;
  absl::flat_hash_set<uid_t> told_;
};

}  // namespace sluice::log_sink
