// A file of lines: append-only, 0600 from creation, rotated by size and age, reopened when asked
// and when it was renamed or deleted under us.
//
// Rotation renames PATH to PATH.1, PATH.1 to PATH.2 and so on, removes what is beyond the number
// kept, and creates PATH anew; nothing is ever copied or truncated. One thread owns a LogFile.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "proto/base/unique_fd.h"

namespace sluice::sinks {

struct LogFileOptions {
  std::string path;
  uint64_t max_size = 0;            // bytes; 0: not rotated by size
  std::chrono::seconds max_age{0};  // since the file was created; 0: not rotated by age
  uint32_t rotate_keep = 4;         // rotated files kept
  // Write to a file that others may read. False: Open and Write fail with PERMISSION_DENIED.
  bool allow_loose_mode = false;
  const Clock* clock = &Clock::System();
};

class LogFile {
 public:
  // Opens or creates PATH; its directory must exist. The mode of an existing file is set to 0600;
  // one that another user owns counts as loose. The NULs that a power cut may leave at its end are
  // cut off. FAILED_PRECONDITION: another agent holds it, by a lock (flock).
  static absl::StatusOr<std::unique_ptr<LogFile>> Open(LogFileOptions options);

  struct WriteResult {
    absl::Status status;
    // Whole lines that are in the file; with an error the caller goes on behind them once it is
    // mended. A partly written line is taken back where the file system lets us, else ended by a
    // newline before the next write.
    size_t lines = 0;
  };
  // Appends whole lines, each ending in a newline, with one write(2) as a rule. Reopens first where
  // PATH is another file by now, and rotates where it is due, but no earlier than the next line
  // does not fit: each file rotated by size is full. Where files cannot be renamed it goes on in
  // the one it has, and tries again a minute later. RESOURCE_EXHAUSTED: disk full.
  WriteResult Write(std::string_view lines);

  // fdatasync(2) of what was written, files rotated away since the last Sync included.
  absl::Status Sync();
  // Closes and opens PATH anew, where it is another file by now. After an error the old file stays
  // in use.
  absl::Status Reopen();

  // Empty, or why the file is readable by others although 0600 was wanted.
  const std::string& loose_mode_warning() const { return loose_mode_warning_; }
  uint64_t rotations() const { return rotations_; }
  uint64_t reopens() const { return reopens_; }
  // How often another program had put another file in the place of the one in use.
  uint64_t replacements() const { return replacements_; }

 private:
  explicit LogFile(LogFileOptions options) : options_(std::move(options)) {}

  // Opens PATH and takes it into use; leaves everything as it was on failure.
  absl::Status Use();
  absl::Status TightenMode(int fd);
  void MendTail();
  bool PathIsAnotherFile() const;
  bool RotationDue(size_t more_bytes) const;
  absl::Status Rotate();
  absl::Status ShiftRotated() const;
  absl::Status Prepare(size_t more_bytes);
  // Bytes of the first lines that go into the file as it is, at least of one.
  size_t Fitting(std::string_view lines) const;
  absl::Status Append(std::string_view lines, size_t* count);
  // Takes back what follows the last newline, `bytes` long.
  void DropTornLine(size_t bytes);
  std::string Rotated(uint32_t number) const;

  LogFileOptions options_;
  UniqueFd fd_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  uint64_t size_ = 0;
  uint64_t created_unix_nano_ = 0;
  // The file ends within a line that could not be taken back.
  bool torn_ = false;
  std::vector<UniqueFd> unsynced_;
  std::string loose_mode_warning_;
  uint64_t rotations_ = 0;
  // When to try again what failed; 0: the last rotation did not.
  uint64_t rotate_again_unix_nano_ = 0;
  uint64_t reopens_ = 0;
  uint64_t replacements_ = 0;
};

}  // namespace sluice::sinks
