// OpenTelemetry's three Export services over gRPC, under their own names.
#pragma once

#include "agent/ingest/otlp/receiver.h"
#include "agent/net/grpc/grpc_server.h"

namespace sluice::ingest::otlp {

// `receiver` and `server` outlive each other's calls. Before the server serves.
void AddExportRoutes(Receiver* receiver, net::GrpcServer* server);

}  // namespace sluice::ingest::otlp
