// Control.EditPool: root's changes of the pool, carried out by the thread that owns it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/ingest/report_gate.h"
#include "agent/net/event_loop.h"
#include "agent/sinks/sink_worker.h"
#include "sluice/v1/pool.pb.h"

namespace sluice::control {

// Owned by the loop's thread. What is pointed to outlives it.
class PoolEditor {
 public:
  struct Options {
    net::EventLoop* loop = nullptr;
    const ingest::ReportGate* gate = nullptr;
    // Of the KVP sink; null: it is off, and the gate says so.
    sinks::SinkWorker* kvp = nullptr;
  };
  using Done = std::function<void(const absl::StatusOr<v1::EditPoolResponse>&)>;

  explicit PoolEditor(Options options) : options_(options) {}

  // Calls `done` once, at once or in a turn after this one. UNAVAILABLE: the file cannot be
  // written.
  void Edit(const Identity& caller, const v1::EditPoolRequest& request, Done done);

 private:
  const Options options_;
};

}  // namespace sluice::control
