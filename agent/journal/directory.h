// The journal's directory: one agent at a time, its segment files, and setting aside what another
// machine wrote. Anybody may look.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/file_system.h"
#include "agent/journal/format.h"

namespace sluice::journal {

// Holds the directory (agent/base/directory_lock.h) while it lives.
class Directory {
 public:
  // Makes the directory (0700) where it is missing. ALREADY_EXISTS: another agent holds it. Any
  // other error: there is no such directory and none can be made.
  static absl::StatusOr<Directory> Open(FileSystem& fs, const std::string& path);

  // For looking alone: is neither made nor held, and may be another agent's.
  static Directory ForReading(FileSystem& fs, std::string path) {
    return Directory(fs, std::move(path), UniqueFd());
  }

  const std::string& path() const { return path_; }

  // Whether a file can be made and written here now, and the directory itself is durable from here
  // on: whoever made it may have been killed before it was.
  absl::Status CheckWritable() const;

  // Paths of the segment files by first sequence.
  absl::StatusOr<std::map<uint64_t, std::string>> Segments() const;
  // Of the newest segment whose header is sound, whatever its format version. Neither: there is
  // none.
  struct Newest {
    std::optional<SegmentHeader> header;
    uint32_t foreign_version = 0;
  };
  absl::StatusOr<Newest> FindNewest() const;

  // Removes what never got its name.
  void RemoveLeftovers() const;
  absl::Status RemoveSegments() const;
  // Moves all segments to the sibling directory `PATH.set-aside`, instead of what is there.
  absl::Status SetAside() const;
  // Moves all segments to the sibling directory `PATH.format-VERSION`, or with a number behind it
  // where there is one already. Nothing here removes them.
  absl::Status SetAsideForeign(uint32_t version) const;
  // What earlier calls left behind, for a directory of this path.
  static std::vector<std::string> FindForeign(FileSystem& fs, const std::string& path);
  // Moves all segments to `target`, durable there before they are gone here. What lies there under
  // later numbers than the first of them goes.
  absl::Status MoveSegmentsTo(const Directory& target) const;

 private:
  Directory(FileSystem& fs, std::string path, UniqueFd lock)
      : fs_(&fs), path_(std::move(path)), lock_(std::move(lock)) {}
  absl::Status MoveTo(const std::string& directory,
                      const std::map<uint64_t, std::string>& segments) const;
  absl::Status RemoveOutdated(const std::map<uint64_t, std::string>& moved) const;
  absl::Status CopySegment(const std::string& from, const std::string& to) const;

  FileSystem* fs_;
  std::string path_;
  UniqueFd lock_;
};

}  // namespace sluice::journal
