// Tells when this host got an address or a route, so that an export that failed for want of a
// network is tried again when there is one.
#pragma once

#include "proto/base/unique_fd.h"

namespace sluice::otlp {

class NetworkWatch {
 public:
  // From here on changes count. Does nothing where it is on, or where the kernel refuses it.
  void Start();
  // Forgets the changes so far.
  void Clear();
  // Readable after a change; -1: off.
  int fd() const { return socket_.get(); }
  void Stop() { socket_.reset(); }

 private:
  UniqueFd socket_;
};

}  // namespace sluice::otlp
