// The services for looking and operating: Query on the ingest socket, where a caller sees its own
// uid's part and root sees all; Control on the admin socket, which only root can reach. What of it
// is about the KVP pool is in kvp/pool_service.h.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/config/reload.h"
#include "agent/control/filter_query.h"
#include "agent/control/flush.h"
#include "agent/control/status_report.h"
#include "agent/control/streamed_answer.h"
#include "agent/net/grpc/grpc_server.h"

namespace sluice::control {

// Owned by the loop's thread. What is pointed to outlives it.
class ControlService {
 public:
  struct Options {
    journal::Journal* journal = nullptr;
    const live::SpanTable* spans = nullptr;
    FlushCoordinator* flush = nullptr;
    StatusReport* status = nullptr;
    StreamedAnswers* answers = nullptr;
    // Of Lines, which may last as long as the agent.
    StreamedAnswers* lines = nullptr;
    const Clock* clock = &Clock::System();
    // Asked each time, since a reload changes them.
    std::function<FiltersInForce()> filters;
    // Reads the configuration again, as SIGHUP does.
    std::function<absl::StatusOr<config::Reloaded>()> reload;
  };

  explicit ControlService(Options options) : options_(std::move(options)) {}

  void AddQueryRoutes(net::GrpcServer* server);
  void AddControlRoutes(net::GrpcServer* server);
  // The part of Control that only looks: at the journal, and at filters. Without `flush`, `reload`
  // and, for filters alone, without a journal and its status.
  void AddViewRoutes(net::GrpcServer* server);
  void AddFilterRoutes(net::GrpcServer* server);

 private:
  enum class View { kOwnUid, kEverything };

  // The only one whose part the caller sees; nullopt: all.
  static std::optional<uid_t> OnlyUid(View view, uid_t uid);
  net::Route StatusRoute(net::GrpcServer* server, View view);
  net::Route RecordsRoute(net::GrpcServer* server, View view);
  net::Route LinesRoute(net::GrpcServer* server, View view);
  net::Route TracesRoute(net::GrpcServer* server, View view);
  net::Route FlushRoute(net::GrpcServer* server);
  net::Route CheckFilterRoute(net::GrpcServer* server);
  net::Route ExplainRoute(net::GrpcServer* server);
  net::Route ReloadRoute();

  const Options options_;
};

}  // namespace sluice::control
