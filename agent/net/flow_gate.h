// Holds a user's connections back, so that what it sends waits with it instead of with us.
#pragma once

#include <sys/types.h>

namespace sluice::net {

// Says whose connections are not read from, because what they sent before is still to be worked
// off.
class FlowGate {
 public:
  virtual ~FlowGate() = default;
  // Asked on the loop's thread before a read of a connection of `uid`. Whoever comes to answer
  // false again has HttpServer::ReleaseHeld called. A connection that is held for two seconds is
  // read from once, so that what is behind the gate can refuse what it brings.
  virtual bool Holds(uid_t uid) = 0;
};

}  // namespace sluice::net
