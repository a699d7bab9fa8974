// Flush: waits until sinks have written and synced what a user, or everybody, has in the journal
// now, and says which did not in time. What they wrote is not written again after a power cut:
// their cursors are durable, too, unless the disk refuses them or takes longer than the flush may.
// What root waits for goes before what others sent
// (agent/sinks/root_ahead.h); another user's stays in the queue, which the others' shares bound.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/event_loop.h"
#include "agent/journal/journal.h"
#include "agent/sinks/backlog.h"
#include "agent/sinks/sink_worker.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::control {

// Owned by the loop's thread. What is pointed to outlives it.
class FlushCoordinator {
 public:
  using Done = std::function<void(const v1::FlushResponse&)>;

  // `backlog` knows whose entries were journalled.
  FlushCoordinator(net::EventLoop* loop, journal::Journal* journal, const sinks::Backlog* backlog,
                   const std::vector<std::unique_ptr<sinks::SinkWorker>>* workers)
      : loop_(loop), journal_(journal), backlog_(backlog), workers_(workers) {}

  // Calls `done` once, in a turn after this one. `at_least`: an entry of the caller's that is
  // waited for although it may not be written yet.
  void Flush(uid_t caller, const v1::FlushRequest& request, Done done, uint64_t at_least = 0);

  // The last entry that a flush of this caller's would wait for.
  uint64_t SequenceOf(uid_t caller, v1::FlushScope scope) const;

  // To be called after each sync of the journal.
  void OnSynced();

 private:
  // What one sink was asked.
  struct Asked {
    sinks::SinkWorker* worker = nullptr;  // null: no such sink
    uint64_t flush_id = 0;
  };
  struct Pending {
    v1::FlushResponse response;
    std::vector<Asked> asked;  // for each of the response's sinks
    int open = 0;
    // Of the journal: the save of the cursors that is waited for, once nothing is open.
    uint64_t cursor_save = 0;
    net::EventLoop::TimerId timer = 0;
    Done done;
  };

  void FlushOne(uint64_t id, int index, uint64_t sequence, sinks::SinkWorker::Whose whose);
  void OnSinkDone(uint64_t id, int index, const absl::Status& status);
  void OnTimeout(uint64_t id);
  void Finish(uint64_t id);
  void Answer(uint64_t id);
  sinks::SinkWorker* Find(const std::string& name) const;

  net::EventLoop* const loop_;
  journal::Journal* const journal_;
  const sinks::Backlog* const backlog_;
  const std::vector<std::unique_ptr<sinks::SinkWorker>>* const workers_;
  std::map<uint64_t, Pending> pending_;
  uint64_t last_id_ = 0;
};

}  // namespace sluice::control
