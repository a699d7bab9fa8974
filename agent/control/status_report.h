// What `sluice status` shows. It is put together on a thread of its own; what belongs to the loop
// is copied there, so many clients or spans at a time that nobody notices.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/control/streamed_answer.h"
#include "agent/ingest/ingest_service.h"
#include "agent/journal/journal.h"
#include "agent/live/span_table.h"
#include "agent/net/peer_table.h"
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
    const ingest::IngestService* ingest = nullptr;  // null: none takes records
    const Counters* counters = nullptr;
    const net::PeerTable* peers = nullptr;
    const std::vector<std::unique_ptr<sinks::SinkWorker>>* workers = nullptr;
    std::vector<SinkOff> sinks_off;
    // Asked each time, since a reload changes them.
    std::function<std::vector<v1::Setting>()> settings;
    // When the journal ends that is looked at; 0: the agent runs.
    uint64_t as_of_unix_nano = 0;
  };

  explicit StatusReport(Sources sources) : sources_(std::move(sources)) {}

  // Sends one StatusResponse. `only_uid`: other users' clients, spans and counters, and paths and
  // settings, are left out.
  absl::Status Answer(const v1::StatusRequest& request, const Identity& caller,
                      std::optional<uid_t> only_uid, AnswerStream& stream) const;

 private:
  struct SpanWalk;
  struct SpanCopy;

  // On the loop's thread: what only that may read, but for the lists.
  void AddOfLoop(std::optional<uid_t> only_uid, v1::StatusResponse* response) const;
  void AddClientLosses(std::optional<uid_t> only_uid, v1::StatusResponse* response) const;
  void AddJournal(v1::StatusResponse* response) const;
  void AddSinks(v1::StatusResponse* response) const;
  void AddCounters(std::optional<uid_t> only_uid, v1::StatusResponse* response) const;
  // Append encoded pieces of the response. False: nobody listens any more.
  bool AppendClients(std::optional<uid_t> only_uid, AnswerStream& stream,
                     std::string* encoded) const;
  bool AppendOpenSpans(std::optional<uid_t> only_uid, AnswerStream& stream,
                       std::string* encoded) const;
  std::vector<SpanCopy> CopySpans(SpanWalk* walk) const;

  const Sources sources_;
};

}  // namespace sluice::control
