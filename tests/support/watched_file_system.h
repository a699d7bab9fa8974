// A file system that lets a test act at a point that nothing else shows.
#pragma once

#include <functional>
#include <string>

#include "tests/support/faulty_file_system.h"

namespace sluice {

// Hooks run on the thread that makes the call.
class WatchedFileSystem : public FaultyFileSystem {
 public:
  using FaultyFileSystem::FaultyFileSystem;
  int Unlink(const std::string& path) override {
    const int result = FaultyFileSystem::Unlink(path);
    if (after_unlink) after_unlink(path);
    return result;
  }
  int Ftruncate(int fd, uint64_t size) override {
    if (before_cut) before_cut();
    return FaultyFileSystem::Ftruncate(fd, size);
  }

  std::function<void(const std::string& path)> after_unlink;
  std::function<void()> before_cut;
};

}  // namespace sluice
