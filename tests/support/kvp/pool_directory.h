// A pool in a directory of its own, and the ways in which other programs treat it.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kvp {

class PoolDirectory {
 public:
  enum class Where {
    kMemory,  // what does not depend on the disk is shown faster here
    kDisk,
  };

  explicit PoolDirectory(Where where = Where::kMemory) {
    const bool memory = where == Where::kMemory && std::filesystem::exists("/dev/shm");
    directory_ = std::string(memory ? "/dev/shm" : "/tmp") + "/sluice-pool-XXXXXX";
    ::mkdtemp(directory_.data());
  }
  ~PoolDirectory() { std::filesystem::remove_all(directory_); }
  PoolDirectory(const PoolDirectory&) = delete;
  PoolDirectory& operator=(const PoolDirectory&) = delete;

  std::string file(std::string_view name) const { return directory_ + "/" + std::string(name); }
  std::string pool() const { return file(".kvp_pool_1"); }

  std::string Bytes() const {
    std::ifstream in(pool(), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }

  void Write(std::string_view bytes) const {
    std::ofstream(pool(), std::ios::binary | std::ios::trunc) << bytes;
  }
  void AppendBytes(std::string_view bytes) const {
    std::ofstream(pool(), std::ios::binary | std::ios::app) << bytes;
  }

 private:
  std::string directory_;
};

// A record as any guest program writes it: both fields padded with zeros.
inline std::string RawRecord(std::string_view key, std::string_view value) {
  std::string record(key.substr(0, 512));
  record.resize(512);
  record.append(value.substr(0, 2048));
  record.resize(2560);
  return record;
}

// "key=value" of each whole record, both cut at the first NUL.
inline std::vector<std::string> Texts(std::string_view pool) {
  std::vector<std::string> texts;
  for (; pool.size() >= 2560; pool.remove_prefix(2560)) {
    const std::string_view key = pool.substr(0, 512);
    const std::string_view value = pool.substr(512, 2048);
    texts.push_back(std::string(key.substr(0, key.find('\0'))) + "=" +
                    std::string(value.substr(0, value.find('\0'))));
  }
  return texts;
}

}  // namespace sluice::kvp
