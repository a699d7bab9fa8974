#include "agent/app/shutdown.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/app/notify.h"
#include "agent/base/log.h"
#include "agent/sinks/stop_workers.h"

namespace sluice::app {
namespace {

// SIGTERM to exit, where sinks go on writing; systemd's own default for the whole is 90 s.
constexpr std::chrono::seconds kStopTimeout{8};
// Of that, for connections to end by themselves.
constexpr std::chrono::milliseconds kDrainTimeout{1000};

}  // namespace

void Shutdown::Begin() {
  if (std::exchange(begun_, true)) return;
  NotifyStopping();
  deadline_ = std::chrono::steady_clock::now() + kStopTimeout;
  options_.journal->CommitTurn();
  sequence_ = options_.journal->last_sequence();
  options_.journal->SyncNow();
  options_.loop->AddTimer(
      options_.loop->clock().BootNano() + std::chrono::nanoseconds(kDrainTimeout).count(),
      [this] { options_.loop->Stop(); });
  OnSynced();
}

void Shutdown::OnSynced() {
  if (begun_ && options_.journal->synced_sequence() >= sequence_) DrainServers();
}

void Shutdown::DrainServers() {
  sequence_ = UINT64_MAX;
  options_.ingest->SendClientsAway();
  options_.exports->StopHolding();
  options_.followers->EndWaiting();
  const auto open = std::make_shared<size_t>(options_.servers.size());
  for (net::GrpcServer* const server : options_.servers) {
    server->Drain([this, open] {
      if (--*open == 0) options_.loop->Stop();
    });
  }
}

bool Shutdown::StopSinks() {
  for (net::GrpcServer* const server : options_.servers) server->Close();
  options_.journal->CommitTurn();
  const auto left_behind = sinks::StopWorkers(*options_.workers, deadline_);
  for (const sinks::SinkWorker* worker : left_behind) {
    LogWarning(absl::StrCat("sink ", worker->name(),
                            " did not finish in time, leaving it behind; what it has not written "
                            "stays in the journal"));
  }
  return left_behind.empty();
}

}  // namespace sluice::app
