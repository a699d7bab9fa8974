// grpc.health.v1.Health/Check: whoever gets an answer knows that the agent serves.
#pragma once

#include "agent/net/grpc/call.h"

namespace sluice::net {

// Answers SERVING for the whole server (no service named) and NOT_FOUND for any other name.
Route HealthRoute();

}  // namespace sluice::net
