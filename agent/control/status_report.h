// What `sluice status` shows, gathered on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ingest/ingest_service.h"
#include "agent/journal/journal.h"
#include "agent/live/span_table.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink_worker.h"
#include "sluice/v1/query.pb.h"

namespace sluice::control {

// Everything pointed to outlives the report.
class StatusReport {
 public:
  // A sink that is switched off.
  struct SinkOff {
    std::string name;
    std::string destination;  // where it would write
  };
  struct Sources {
    std::string boot_id;
    std::string vm_id;
    uint64_t started_unix_nano = 0;
    journal::Journal* journal = nullptr;
    const live::SpanTable* spans = nullptr;
    const ingest::IngestService* ingest = nullptr;
    const Counters* counters = nullptr;
    const std::vector<std::unique_ptr<sinks::SinkWorker>>* workers = nullptr;
    std::vector<SinkOff> sinks_off;
    // Asked each time, since a reload changes them.
    std::function<std::vector<v1::Setting>()> settings;
  };

  explicit StatusReport(Sources sources) : sources_(std::move(sources)) {}

  // `only_uid`: other users' clients, spans and counters, and paths and settings, are left out.
  v1::StatusResponse Make(const v1::StatusRequest& request, const Identity& caller,
                          std::optional<uid_t> only_uid) const;

 private:
  void AddJournal(v1::StatusResponse* response) const;
  void AddSinks(v1::StatusResponse* response) const;
  void AddCounters(std::optional<uid_t> only_uid, v1::StatusResponse* response) const;
  void AddClients(std::optional<uid_t> only_uid, v1::StatusResponse* response) const;
  void AddOpenSpans(bool list, std::optional<uid_t> only_uid, v1::StatusResponse* response) const;

  const Sources sources_;
};

}  // namespace sluice::control
