// The records of a pool file as they stand in it. Reading is tolerant: it never writes, works on a
// read-only copy of a disk, and takes what is whole of a damaged file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "client/cli/exit_code.h"
#include "proto/kvp/slot.h"

namespace sluice::kvp {

class PoolImage {
 public:
  // `bytes` as in the file, a torn tail included.
  explicit PoolImage(std::string bytes) : bytes_(std::move(bytes)) {}

  size_t size() const { return bytes_.size() / kRecordBytes; }
  // The file as it is.
  std::string_view bytes() const { return bytes_; }
  // Both fields whole, 2560 bytes.
  std::string_view raw(size_t index) const {
    return std::string_view(bytes_).substr(index * kRecordBytes, kRecordBytes);
  }
  Pair record(size_t index) const { return DecodeRecord(raw(index)); }
  // Bytes after the last whole record, left by a writer that died.
  size_t torn_bytes() const { return bytes_.size() % kRecordBytes; }
  bool empty() const { return size() == 0; }

 private:
  std::string bytes_;
};

// The pool file at `path`, which may lie on a mounted image. Waits at most a second for writers and
// then reads without locks. Exit code kExitIo and a line that names the path when it cannot be
// read; a missing file is one of these.
cli::Result<PoolImage> ReadPool(const std::string& path);

}  // namespace sluice::kvp
