// A file system in memory that can lose power: it remembers which writes, renames and unlinks were
// never synced, and makes up the states that a disk may show after the lights went out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agent/base/file_system.h"
#include "agent/base/mutex.h"

namespace sluice {

// What lies on a disk: contents by path, and `PATH/` for a directory that was made.
using DiskState = std::map<std::string, std::string>;

// Thread-safe. A file's data is durable after fsync or fdatasync of it, a directory's entries after
// fsync of the directory; what is in a directory whose own entry is lost is lost with it. A
// directory that was never made, or has files from the start, exists. Locks are not kept.
class CrashFileSystem : public FileSystem {
 public:
  CrashFileSystem() = default;
  explicit CrashFileSystem(const DiskState& initial);

  // What one unsynced step may have become: not there, there, or (a write) there up to a byte, or
  // only the length that it gave the file: zeros where that has grown.
  enum class Fate { kLost, kKept, kTorn, kZeros };
  // Called for each unsynced step, oldest first; for kTorn, `torn_bytes` is chosen too.
  using ChooseFate = std::function<Fate(uint64_t write_bytes, uint64_t* torn_bytes)>;

  // How many steps are not synced now.
  size_t UnsyncedSteps() const;
  // A state of the disk that a power cut now may leave behind.
  DiskState StateAfterPowerCut(const ChooseFate& choose) const;
  // All steps lost, all kept; each lost alone, kept alone, and torn and zeros with those before it
  // kept; besides, every combination when there are at most `limit`, else so many with `random`.
  std::vector<DiskState> SampleStates(std::mt19937* random, size_t limit) const;
  // What a process that was killed leaves behind.
  DiskState StateNow() const;
  // Becomes what `other` is now, steps that are not synced included: the machine on which a process
  // was killed, for the next one to go on with.
  void TakeOver(const CrashFileSystem& other);
  // Unmounts and mounts what is below `directory`: only what is durable is left of it.
  void Remount(const std::string& directory);
  // What was written to the file and not synced is never going to be, though it can be read: the
  // kernel marks pages clean that it failed to write.
  void ForgetUnsynced(int fd);
  // Called once, on the syncing thread, when the data of a file was synced but the call has not
  // returned yet: what is written meanwhile is not covered by it.
  void OnNextFileSync(std::function<void()> hook);

  int Open(const std::string& path, int flags, mode_t mode) override;
  ssize_t Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) override;
  // One step.
  ssize_t Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) override;
  ssize_t Pread(int fd, char* bytes, size_t size, uint64_t offset) override;
  int Fsync(int fd) override;
  int Fdatasync(int fd) override { return Fsync(fd); }
  int Ftruncate(int fd, uint64_t size) override;
  int Rename(const std::string& from, const std::string& to) override;
  int Unlink(const std::string& path) override;
  int Mkdir(const std::string& path, mode_t mode) override;
  int Statvfs(const std::string& path, struct statvfs* result) override;
  int Flock(int fd, int operation) override;
  int64_t FileSize(int fd) override;
  int List(const std::string& path, std::vector<std::string>* names) override;

 private:
  struct File {
    int number = 0;
    std::string content;
  };
  enum class Kind { kWrite, kTruncate, kLink, kRename, kUnlink };
  // In order of time; synced steps are folded into durable_*.
  struct Step {
    Kind kind;
    int file = 0;
    uint64_t offset = 0;  // or the size truncated to
    std::string bytes;
    std::string from;
    std::string to;
  };
  struct Disk {
    std::map<int, std::string> contents;  // by file number
    std::map<std::string, int> names;     // path to file number
    void Apply(const Step& step);
  };

  void AddCombinations(std::mt19937* random, size_t limit, std::vector<DiskState>* states) const;
  static bool IsOfDirectory(const Step& step, const std::string& directory);
  DiskState StateOf(const Disk& disk) const REQUIRES(mutex_);
  void Sync(int fd) REQUIRES(mutex_);
  void Settle(const std::function<bool(const Step&)>& is_synced) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Disk now_ GUARDED_BY(mutex_);
  Disk durable_ GUARDED_BY(mutex_);
  std::vector<Step> unsynced_ GUARDED_BY(mutex_);
  std::map<int, int> open_files_ GUARDED_BY(mutex_);                // fd to file number
  std::map<int, std::string> open_directories_ GUARDED_BY(mutex_);  // fd to path
  int last_file_ GUARDED_BY(mutex_) = 0;
  std::function<void()> on_next_file_sync_ GUARDED_BY(mutex_);
};

}  // namespace sluice
