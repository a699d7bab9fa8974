// A span for each RPC of a program that speaks gRPC, and its context in the metadata, so that both
// sides are one trace: `traceparent`, `tracestate` and `baggage`, as W3C has them, which any other
// OpenTelemetry instrumentation reads as well.
//
//   std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> creators;
//   creators.push_back(sluice::MakeClientSpans());
//   auto channel = grpc::experimental::CreateCustomChannelWithInterceptors(
//       target, credentials, arguments, std::move(creators));
//
//   std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
//   creators.push_back(sluice::MakeServerSpans());
//   builder.experimental().SetInterceptorCreators(std::move(creators));
//
// Spans are named `package.Service/Method` and have rpc.system, rpc.service, rpc.method and
// rpc.grpc.status_code.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>

#include "sluice/context.h"
#include "sluice/event.h"

namespace sluice {

struct RpcSpanOptions {
  std::string target = "grpc";  // what filters match
  Level level = Level::kInfo;
};

// Each RPC is a span within that of the thread which makes the call; it fails with any status but
// OK. One that is cancelled without an end of its own ends when its ClientContext is destroyed.
std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> MakeClientSpans(
    RpcSpanOptions options = {});

// Each RPC is a span within the caller's, where the caller tells one, else of a new trace. It fails
// where the server is at fault: by UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE
// and DATA_LOSS.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeServerSpans(
    RpcSpanOptions options = {});

// The context of the RPC that a handler serves, until the handler has ended it; outside any span
// where the server has no such interceptor. Thread-safe.
//
//   const sluice::ContextScope scope(sluice::RpcContext(*context));
Context RpcContext(const grpc::ServerContextBase& context);

}  // namespace sluice
