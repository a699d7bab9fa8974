// The part of Control that is about the KVP pool: Report, EditPool and DumpPool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/config/load.h"
#include "agent/control/kvp/pool_editor.h"
#include "agent/control/kvp/reporter.h"
#include "agent/control/streamed_answer.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/sinks/sink_worker.h"

namespace sluice::control {

// DumpPool alone, of the file at `path`. What is pointed to outlives the server's calls.
void AddDumpPoolRoute(net::GrpcServer* server, StreamedAnswers* answers, const std::string& path);

// Owned by the loop's thread. What is pointed to outlives it.
class PoolService {
 public:
  struct Options {
    net::EventLoop* loop = nullptr;
    ingest::Admission* admission = nullptr;
    FlushCoordinator* flush = nullptr;
    StreamedAnswers* answers = nullptr;
    Counters* counters = nullptr;
    const std::vector<std::unique_ptr<sinks::SinkWorker>>* workers = nullptr;
    // The machine's, for where none is configured.
    std::string vm_id;
  };

  PoolService(const config::LoadedConfig& loaded, const Options& options);

  void AddRoutes(net::GrpcServer* server);

 private:
  net::Route ReportRoute(net::GrpcServer* server);
  net::Route EditRoute(net::GrpcServer* server);

  const std::string path_;
  StreamedAnswers* const answers_;
  Reporter reporter_;
  PoolEditor editor_;
};

}  // namespace sluice::control
