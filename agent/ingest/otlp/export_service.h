// OpenTelemetry's three Export services over gRPC, under their own names.
#pragma once

#include "agent/ingest/otlp/body_converter.h"
#include "agent/ingest/otlp/receiver.h"
#include "agent/net/grpc/grpc_server.h"

namespace sluice::ingest::otlp {

// What they need; all of it outlives the calls, and the calls the server.
struct ExportRoutes {
  Receiver* receiver = nullptr;
  BodyConverter* converter = nullptr;  // of large messages that come compressed
  net::ByteBudget* budget = nullptr;
  net::GrpcServer* server = nullptr;
};

// Before the server serves.
void AddExportRoutes(const ExportRoutes& routes);

}  // namespace sluice::ingest::otlp
