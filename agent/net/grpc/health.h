// grpc.health.v1.Health: whoever gets an answer knows that the agent serves.
#pragma once

#include <set>
#include <string_view>

#include "agent/net/grpc/call.h"

namespace sluice::net {

// Answers SERVING for the whole server (no service named). Of any other name Check says NOT_FOUND,
// and Watch SERVICE_UNKNOWN.
class Health {
 public:
  static constexpr std::string_view kWatch = "/grpc.health.v1.Health/Watch";

  Route CheckRoute();
  // Goes on until the caller ends it or the server stops.
  Route WatchRoute();
  // Tells who watches that nothing is served any more, and ends their calls.
  void Stop();

 private:
  class Watcher;

  std::set<Watcher*> watchers_;
};

}  // namespace sluice::net
