// Two connected sockets made one: what comes in at either goes out at the other, byte for byte, and
// so does the end of each direction.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "client/rpc/socket.h"
#include "proto/base/unique_fd.h"

struct pollfd;

namespace sluice::cli {

// One direction. Both sockets are non-blocking and outlive it.
class ByteFlow {
 public:
  ByteFlow(int from, int to) : from_(from), to_(to), buffer_(kBytes) {}

  int from() const { return from_; }
  bool wants_to_read() const { return !ended_ && begin_ == end_; }
  bool wants_to_write() const { return begin_ != end_; }
  // The source has ended, and the destination has all of it and knows.
  bool done() const { return ended_ && begin_ == end_; }

  // Moves what can be moved without waiting. False: one of the sockets is broken.
  bool Move();

 private:
  static constexpr size_t kBytes = 64 * 1024;

  bool Read();
  bool Write();

  int from_;
  int to_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // of what was read and not written
  size_t end_ = 0;
  bool ended_ = false;
};

class ByteRelay {
 public:
  // Both are non-blocking.
  ByteRelay(UniqueFd client, rpc::Socket agent);

  // What poll(2) is to wait for: one entry a socket.
  std::array<pollfd, 2> Interests() const;
  // Moves what can be moved without waiting. False: it is over.
  bool Move();

 private:
  UniqueFd client_;
  rpc::Socket agent_;
  ByteFlow to_agent_;
  ByteFlow to_client_;
};

}  // namespace sluice::cli
