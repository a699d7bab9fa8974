// Problem: A flush waits for several threads: the journal's sync, each sink's write and sync, and
// then the sync of the sinks' cursors. Each of them may never come, and sinks answer on threads of
// their own.
//
// States: First sinks are open: `open` counts those that have not answered. When none is left the
// cursors are saved, and cursor_save is waited for. Then the flush is answered and leaves pending_.
// The timeout answers from either state: sinks that have not answered get an error, and those that
// have stay done.
//
// Invariants:
// * All of it runs on the loop's thread. Sinks' answers are posted there with the flush's id, and
//   what finds no such flush comes too late and is ignored. So Done is called once.
// * The cursors are saved after the last sink has committed its own. A save before that would lack
//   it, and a power cut would have the sink write again what the flush reported as done.
// * An answer's index is the same in response.sinks and in asked. Nothing is added to either after
//   Flush returned.

#include "agent/control/flush.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace sluice::control {
namespace {

constexpr uint32_t kDefaultTimeoutMs = 5'000;
constexpr uint32_t kLongestTimeoutMs = 60'000;

uint32_t TimeoutMs(const v1::FlushRequest& request) {
  if (request.timeout_ms() == 0) return kDefaultTimeoutMs;
  return std::min(request.timeout_ms(), kLongestTimeoutMs);
}

v1::FlushScope ScopeOf(uid_t caller, const v1::FlushRequest& request) {
  return caller == 0 && request.scope() == v1::FLUSH_SCOPE_ALL ? v1::FLUSH_SCOPE_ALL
                                                               : v1::FLUSH_SCOPE_OWN;
}

}  // namespace

// Where the disk refused just now, the journal ends before what it took last.
uint64_t FlushCoordinator::SequenceOf(uid_t caller, v1::FlushScope scope) const {
  const uint64_t written = journal_->last_sequence();
  return scope == v1::FLUSH_SCOPE_ALL ? written : std::min(written, backlog_->LastOf(caller));
}

sinks::SinkWorker* FlushCoordinator::Find(const std::string& name) const {
  for (const auto& worker : *workers_) {
    if (worker->name() == name) return worker.get();
  }
  return nullptr;
}

void FlushCoordinator::Flush(uid_t caller, const v1::FlushRequest& request, Done done,
                             uint64_t at_least) {
  const uint64_t id = ++last_id_;
  Pending& pending = pending_[id];
  pending.done = std::move(done);
  pending.response.set_flush_id(request.flush_id());
  const v1::FlushScope scope = ScopeOf(caller, request);
  pending.response.set_scope(scope);
  const auto add = [&](const std::string& name, sinks::SinkWorker* worker) {
    v1::SinkFlush* sink = pending.response.add_sinks();
    sink->set_sink(name);
    if (worker == nullptr) sink->set_error("off, or no such sink");
    pending.asked.push_back({worker});
  };
  absl::flat_hash_set<std::string> named;
  for (const std::string& name : request.sinks()) {
    if (named.insert(name).second) add(name, Find(name));
  }
  if (request.sinks().empty()) {
    for (const auto& worker : *workers_) {
      if (worker->flushed_by_default()) add(worker->name(), worker.get());
    }
  }
  journal_->CommitTurn();
  const uint64_t sequence = std::max(SequenceOf(caller, scope), at_least);
  const bool goes_first = caller == 0 && scope == v1::FLUSH_SCOPE_OWN;
  const auto whose = goes_first ? sinks::SinkWorker::Whose::kRoots : sinks::SinkWorker::Whose::kAll;
  pending.timer =
      loop_->AddTimer(loop_->clock().BootNano() + uint64_t{TimeoutMs(request)} * 1'000'000,
                      [this, id] { OnTimeout(id); });
  // One more than there are sinks, taken back below, so that nothing ends while it begins.
  pending.open = 1;
  for (int i = 0; i < pending.response.sinks_size(); ++i) FlushOne(id, i, sequence, whose);
  loop_->Post([this, id] { Finish(id); });
  journal_->SyncNow();
}

void FlushCoordinator::FlushOne(uint64_t id, int index, uint64_t sequence,
                                sinks::SinkWorker::Whose whose) {
  Pending& pending = pending_[id];
  Asked& asked = pending.asked[static_cast<size_t>(index)];
  if (asked.worker == nullptr) return;
  ++pending.open;
  asked.flush_id = asked.worker->Flush(
      sequence,
      [this, id, index](const absl::Status& status) {
        loop_->Post([=, this] { OnSinkDone(id, index, status); });
      },
      whose);
}

void FlushCoordinator::OnSinkDone(uint64_t id, int index, const absl::Status& status) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  v1::SinkFlush* const sink = found->second.response.mutable_sinks(index);
  sink->set_done(status.ok());
  if (!status.ok()) sink->set_error(std::string(status.message()));
  Finish(id);
}

void FlushCoordinator::OnTimeout(uint64_t id) {
  Pending& pending = pending_[id];
  pending.timer = 0;
  for (int i = 0; i < pending.response.sinks_size(); ++i) {
    v1::SinkFlush* const sink = pending.response.mutable_sinks(i);
    if (sink->done() || !sink->error().empty()) continue;
    const Asked& asked = pending.asked[static_cast<size_t>(i)];
    asked.worker->CancelFlush(asked.flush_id);
    const sinks::SinkWorker::Status status = asked.worker->status();
    sink->set_error(status.state == "ok" ? "behind"
                                         : absl::StrCat(status.state, ": ", status.last_error));
  }
  Answer(id);
}

void FlushCoordinator::Finish(uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || --found->second.open > 0) return;
  // Flushes that come this far together share one entry.
  found->second.cursor_save = journal_->SaveCursorsNow();
  if (found->second.cursor_save <= journal_->synced_cursor_save()) Answer(id);
}

void FlushCoordinator::OnSynced() {
  const uint64_t synced = journal_->synced_cursor_save();
  std::vector<uint64_t> ready;
  for (const auto& [id, pending] : pending_) {
    if (pending.cursor_save != 0 && pending.cursor_save <= synced) ready.push_back(id);
  }
  for (const uint64_t id : ready) Answer(id);
}

void FlushCoordinator::Answer(uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  loop_->CancelTimer(pending.timer);
  pending.done(pending.response);
}

}  // namespace sluice::control
