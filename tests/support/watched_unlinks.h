// A file system that lets a test act right after a file's name is gone.
#pragma once

#include <functional>
#include <string>

#include "tests/support/faulty_file_system.h"

namespace sluice {

// Calls `hook` after each unlink, on the thread that unlinks.
class WatchedUnlinks : public FaultyFileSystem {
 public:
  using FaultyFileSystem::FaultyFileSystem;
  int Unlink(const std::string& path) override {
    const int result = FaultyFileSystem::Unlink(path);
    if (hook) hook(path);
    return result;
  }

  std::function<void(const std::string& path)> hook;
};

}  // namespace sluice
