// The part of Control that is about the export by OTLP: TestExport and RetryExport.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/agent_config.h"
#include "agent/control/streamed_answer.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/sinks/sink_worker.h"

namespace sluice::control {

// Owned by the loop's thread. What is pointed to outlives it.
class ExportService {
 public:
  struct Options {
    StreamedAnswers* answers = nullptr;
    const std::vector<std::unique_ptr<sinks::SinkWorker>>* workers = nullptr;
    // Asked each time, on the loop's thread.
    std::function<const config::AgentConfig&()> config;
  };

  explicit ExportService(Options options) : options_(std::move(options)) {}

  void AddRoutes(net::GrpcServer* server);

 private:
  net::Route TestRoute(net::GrpcServer* server);
  net::Route RetryRoute();

  const Options options_;
};

}  // namespace sluice::control
