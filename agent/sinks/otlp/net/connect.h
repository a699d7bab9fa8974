// Opens a connection to a destination, without a byte of TLS or HTTP on it but a proxy's CONNECT.
#pragma once

#include <string>

#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/net/wait.h"
#include "proto/base/unique_fd.h"

namespace sluice::otlp {

struct ConnectOutcome {
  UniqueFd socket;          // non-blocking; none: `error` says why
  std::string error;        // for people
  bool no_network = false;  // it failed for want of a network or of names on it
};

// Names are looked up anew, and all addresses tried.
ConnectOutcome Connect(const Destination& destination, Deadline deadline,
                       const Cancellation& cancellation);

}  // namespace sluice::otlp
