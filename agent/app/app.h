// The composition root: makes every part, connects them, runs the loop, and takes it all down
// again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/app/host_ids.h"
#include "agent/app/memory_return.h"
#include "agent/app/reloader.h"
#include "agent/app/shutdown.h"
#include "agent/app/signals.h"
#include "agent/app/sink_set.h"
#include "agent/app/sockets.h"
#include "agent/app/wanted.h"
#include "agent/config/load.h"
#include "agent/control/control_service.h"
#include "agent/control/kvp/pool_service.h"
#include "agent/control/otlp/export_service.h"
#include "agent/ingest/disk_gate.h"
#include "agent/ingest/ingest_service.h"
#include "agent/ingest/otlp/body_converter.h"
#include "agent/ingest/otlp/export_queue.h"
#include "agent/ingest/otlp/http_exports.h"
#include "agent/ingest/owner_tracker.h"
#include "agent/ingest/process_tracker.h"
#include "agent/ingest/recovery.h"
#include "agent/journal/journal.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/self/counters.h"
#include "agent/sinks/backlog.h"
#include "agent/sinks/backlog_gate.h"

namespace sluice::app {

// Everything public belongs to the main thread. Threads: the main thread runs the loop (accept,
// ingest, control); the journal's sync thread; one for each sink; one for each query under way; one
// that writes what the agent says of itself.
class App {
 public:
  // BlockSignals must have been called. An error names what could not be had and is for the user.
  static absl::StatusOr<std::unique_ptr<App>> Create(config::Sources sources,
                                                     config::LoadedConfig loaded, Sockets sockets);
  ~App();

  // Serves until SIGTERM or SIGINT, then drains within a deadline. Returns the exit code. When a
  // sink hangs in its I/O beyond the deadline, the process ends here without it.
  int Run();

 private:
  App(config::Sources sources, config::LoadedConfig loaded);

  absl::Status OpenJournal();
  absl::Status MakeLoop();
  void MakeServices();
  void MakeTrackers();
  void MakeSinksAndGate();
  // Of an entry that the journal took.
  void TellSinks(uint64_t sequence, uid_t uid, uint64_t records, uint64_t bytes);
  void MakeControl();
  absl::Status Serve(Sockets sockets);
  void CloseSpansOfEarlierBoot();
  void WatchRecoveredProcesses();
  void UpdateWanted();
  // SIGHUP and Control.Reload.
  absl::StatusOr<config::Reloaded> Reload();
  void Every(std::chrono::seconds interval, const std::function<void()>& work);
  void StartTimers();
  void SaveCursorsSoon();
  void SaveCursorsLater();
  net::GrpcServer::Options ServerOptions();
  const config::AgentConfig& config() const { return reloader_.config(); }

  // In the order of construction.
  Reloader reloader_;
  const HostIds host_;
  UniqueFd runtime_lock_;
  Counters counters_;
  std::unique_ptr<net::EventLoop> loop_;
  net::ByteBudget budget_;
  net::PeerTable peers_;
  ingest::AdmissionState admission_state_;
  std::unique_ptr<journal::Journal> journal_;
  bool rebooted_ = false;
  // What the journal told of processes, until they are watched.
  ingest::Recovery::LastEntries recovered_life_;
  std::shared_ptr<const Wanted> wanted_;  // of the configuration in force
  std::unique_ptr<ingest::Admission> admission_;
  std::unique_ptr<ingest::DiskGate> disk_gate_;
  std::unique_ptr<ingest::ProcessTracker> processes_;
  std::unique_ptr<ingest::OwnerTracker> owners_;
  std::unique_ptr<sinks::Backlog> backlog_;
  std::unique_ptr<sinks::BacklogGate> backlog_gate_;
  SinkSet sinks_;
  // Sinks that take something of root's next entry whatever their filters say.
  std::set<sinks::SinkWorker*> taking_unfiltered_;
  std::unique_ptr<control::FlushCoordinator> flush_;
  std::unique_ptr<ingest::IngestService> ingest_;
  std::unique_ptr<ingest::otlp::ExportQueue> exports_;  // what comes as OTLP
  std::unique_ptr<ingest::otlp::BodyConverter> converter_;
  std::unique_ptr<ingest::otlp::HttpExports> http_exports_;
  std::unique_ptr<control::StatusReport> status_;
  control::QuestionCost question_cost_;
  std::unique_ptr<control::StreamedAnswers> answers_;
  std::unique_ptr<control::StreamedAnswers> followers_;  // of Lines, which may last for ever
  std::unique_ptr<control::PoolService> pool_;
  std::unique_ptr<control::ExportService> export_;
  std::unique_ptr<control::ControlService> control_;
  std::unique_ptr<net::GrpcServer> ingest_server_;
  std::unique_ptr<net::GrpcServer> admin_server_;
  std::unique_ptr<SignalWatch> signals_;
  std::unique_ptr<Shutdown> shutdown_;

  MemoryReturn memory_;

  // The last entry known to be durable, and how often the cursors have stood still since.
  uint64_t last_synced_ = 0;
  int quiet_saves_ = 0;
  bool saving_cursors_ = false;
};

}  // namespace sluice::app
