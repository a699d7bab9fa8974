// How the agent ends: everything taken is made durable and acknowledged, streams are sent away,
// connections end, then the loop, then the sinks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/base/event_loop.h"
#include "agent/control/streamed_answer.h"
#include "agent/ingest/ingest_service.h"
#include "agent/ingest/otlp/export_queue.h"
#include "agent/journal/journal.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/sinks/sink_worker.h"

namespace sluice::app {

// Owned by the loop's thread. What is pointed to outlives it.
class Shutdown {
 public:
  struct Options {
    net::EventLoop* loop = nullptr;
    journal::Journal* journal = nullptr;
    ingest::IngestService* ingest = nullptr;
    ingest::otlp::ExportQueue* exports = nullptr;
    // Of questions that last as long as the agent.
    control::StreamedAnswers* followers = nullptr;
    std::vector<net::GrpcServer*> servers;
    const std::vector<std::unique_ptr<sinks::SinkWorker>>* workers = nullptr;
  };

  explicit Shutdown(Options options) : options_(std::move(options)) {}

  // Within the loop: has it stop, within about a second.
  void Begin();
  // Whenever the journal has synced more.
  void OnSynced();
  // Behind the loop: waits for the sinks. False: one hangs, and its thread is left behind.
  bool StopSinks();

 private:
  void DrainServers();

  const Options options_;
  bool begun_ = false;
  uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace sluice::app
