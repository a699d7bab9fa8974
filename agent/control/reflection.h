// gRPC's server reflection: what a client needs to list a server's services and to call them
// without having their .proto files (grpcurl, Postman).
#pragma once

#include "agent/net/grpc/grpc_server.h"

namespace sluice::control {

// grpc.reflection.v1 and v1alpha, for the services that `server` has by the time it is asked.
// Before it serves. What it takes of memory it takes when it is first asked.
void AddReflectionRoutes(net::GrpcServer* server);

}  // namespace sluice::control
