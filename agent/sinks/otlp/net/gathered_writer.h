// Bytes on their way to a stream, gathered so that one system call takes many frames without a copy
// of what they carry.
#pragma once

#include <sys/uio.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/sinks/otlp/net/byte_stream.h"

namespace sluice::otlp {

class GatheredWriter {
 public:
  GatheredWriter() { copies_.reserve(kCopyBytes); }

  // Whether more is taken before the next Flush.
  bool has_room() const {
    // Twice: within one call nghttp2 may give a frame's head and then another frame.
    return pieces_.size() < kMaxPieces && copies_.size() + 2 * kMaxCopy <= kCopyBytes;
  }
  bool empty() const { return begin_ == pieces_.size(); }

  // At most kMaxCopy bytes, copied.
  void Copy(absl::string_view bytes) {
    Lend({copies_.data() + copies_.size(), bytes.size()});
    copies_.append(bytes.data(), bytes.size());
  }
  // These stay where they are until they are written.
  void Lend(absl::string_view bytes) {
    if (!bytes.empty()) pieces_.push_back({const_cast<char*>(bytes.data()), bytes.size()});
  }

  // Writes as much as the stream takes. kMoved: all of it.
  IoResult Flush(ByteStream* stream);

  // The longest that nghttp2 gives at once, with its 9 bytes before.
  static constexpr size_t kMaxCopy = 16 * 1024 + 9;

 private:
  static constexpr size_t kMaxPieces = 512;  // a frame's own may exceed it
  static constexpr size_t kCopyBytes = 4 * kMaxCopy;

  std::vector<iovec> pieces_;
  size_t begin_ = 0;    // the first piece not yet written whole
  std::string copies_;  // never grows beyond what is reserved, so pieces may point into it
};

}  // namespace sluice::otlp
