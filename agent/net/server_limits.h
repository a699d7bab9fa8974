// What one server grants its peers.
#pragma once

#include <cstddef>

#include "agent/net/loop_share.h"
#include "proto/record/limits.h"

namespace sluice::net {

struct ServerLimits {
  size_t connections_per_uid = limits::kConnectionsPerUid;
  // uid 0 runs many services.
  size_t connections_of_root = 1024;
  // All uids together; the last `reserved_for_root` of them only for uid 0. Of the others nobody
  // has more than he leaves free.
  size_t connections = 4096;
  size_t reserved_for_root = 64;
  // From accept to the first complete request, or to HTTP/2's preface and SETTINGS.
  int first_request_ms = limits::kFirstBytesSeconds * 1000;
  // From those to the first complete request: exporters connect at once and have something to send
  // up to a minute later.
  int greeted_request_ms = 300'000;
  // A request over HTTP/1.1 of which so long hardly a byte came is closed.
  int slow_request_ms = 10'000;
  // A peer that reads nothing for so long while there is something for it is closed.
  int unread_output_ms = 30'000;
  LoopShare::Limits waste;
};

}  // namespace sluice::net
