// Who holds how much of the log: of the file that is written and those rotated from it, which are
// one ring for all users.
//
// All users but root together hold at most `limit` bytes, shared as SharedLimit says: each of 64
// users finds a small part of it whatever others hold. What one writes beyond its share is cut, so
// it neither takes room nor has files rotated.
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

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "agent/base/shared_limit.h"
#include "agent/base/user_of.h"

namespace sluice::log_sink {

// Three quarters of the rotated files' bytes. Where none is kept, of the one file: then a rotation
// takes everything, and nothing is promised. 0: the set has no size, nobody is cut.
uint64_t SetLimit(uint64_t max_size, uint32_t rotate_keep);

// Owned by one thread.
class SetShares {
 public:
  SetShares(uint64_t max_size, uint32_t rotate_keep);

  // Whether a line of `uid` may be written, as far as one can say before its length is known.
  bool MayWrite(uid_t uid);
  // Its line has so many bytes and is to be written. False: it is cut, there is no room for it.
  bool Add(uid_t uid, size_t bytes);
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
  using Holdings = ByUser<uint64_t>;

  void EndRun();
  void Recount();

  const size_t files_kept_;
  const size_t most_told_;
  // Newest first.
  std::deque<Holdings> files_{1};
  // Of all files, and of what is not written yet.
  Holdings held_;
  // The sum of it, and of what the run adds.
  SharedLimit of_users_;
  Holdings unwritten_;
  // The user whose lines come, most in a row; root: nobody's.
  uid_t run_uid_ = 0;
  uint64_t run_held_ = 0;
  uint64_t run_bytes_ = 0;
  // Nothing more of it is written.
  bool run_is_cut_ = false;
  uint64_t rotations_ = 0;
  uint64_t aged_boot_nano_ = 0;
  absl::flat_hash_set<uid_t> told_;
};

}  // namespace sluice::log_sink
