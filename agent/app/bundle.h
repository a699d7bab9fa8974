// A file of `sluice collect`, whose journal and pool are read as if they lay on disk. Nothing is
// unpacked to disk: each file becomes one of memory.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/file_system.h"

namespace sluice::app {

class Bundle {
 public:
  // At most 512 MiB once decompressed. INVALID_ARGUMENT: it is no such file.
  static absl::StatusOr<Bundle> Open(const std::string& path);
  Bundle(Bundle&&) noexcept;
  Bundle& operator=(Bundle&&) noexcept;
  ~Bundle();

  // Can only be read. Lives as long as the bundle.
  FileSystem& files() const;
  // Of the journal, in files().
  std::string journal() const;
  // The pool's file, for open(2), while the bundle lives; empty: there is none.
  std::string PoolPath() const;

 private:
  class Files;
  Bundle();

  std::unique_ptr<Files> files_;
};

}  // namespace sluice::app
