// Tells whether a file is still the one that was read.
#pragma once

#include <sys/stat.h>

#include <string>

namespace sluice::otlp {

class FileStamp {
 public:
  FileStamp() = default;  // of a file that is not there
  explicit FileStamp(const std::string& path) {
    if (stat(path.c_str(), &stat_) != 0) stat_ = {};
  }
  bool operator==(const FileStamp& other) const {
    return stat_.st_dev == other.stat_.st_dev && stat_.st_ino == other.stat_.st_ino &&
           stat_.st_size == other.stat_.st_size && IsSame(stat_.st_mtim, other.stat_.st_mtim) &&
           IsSame(stat_.st_ctim, other.stat_.st_ctim);
  }

 private:
  static bool IsSame(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  }
  struct stat stat_ = {};
};

}  // namespace sluice::otlp
