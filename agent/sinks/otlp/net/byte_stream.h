// A connected stream of bytes, plain or under TLS, that never blocks.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>

#include "proto/base/unique_fd.h"

namespace sluice::otlp {

// What one attempt at reading or writing came to.
struct IoResult {
  enum class Kind { kMoved, kWouldBlock, kClosed, kFailed };
  Kind kind = Kind::kMoved;
  size_t bytes = 0;       // kMoved; at least 1
  short wait_events = 0;  // kWouldBlock: what to poll for before the next attempt
  std::string error;      // kFailed: for people
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual IoResult Read(char* to, size_t capacity) = 0;
  // Some of the pieces, from the first on.
  virtual IoResult Write(std::span<const iovec> pieces) = 0;
  // For poll(2).
  virtual int fd() const = 0;
  // Whether bytes wait to be read that poll(2) does not see.
  virtual bool has_buffered() const { return false; }
};

class PlainStream final : public ByteStream {
 public:
  // A connected, non-blocking socket.
  explicit PlainStream(UniqueFd socket) : socket_(std::move(socket)) {}
  IoResult Read(char* to, size_t capacity) override;
  IoResult Write(std::span<const iovec> pieces) override;
  int fd() const override { return socket_.get(); }

 private:
  UniqueFd socket_;
};

// kFailed or kWouldBlock, of a socket call that failed.
IoResult FailedIo(int error, short events);

}  // namespace sluice::otlp
