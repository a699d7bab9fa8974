// The receiver: works on requests in slices, holds them while the journal has no room, and answers
// once they are durable.
//
// Counters: `otlp.requests` (signal, uid) taken, `otlp.busy` (uid) told to come back later,
// `otlp.partly_stored` (uid) of those, of which a part was stored, `otlp.invalid` (uid),
// `otlp.duplicates` (uid) known and not stored again. Items as for our own protocol:
// `admission.dropped`, `admission.repaired`.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "agent/base/event_loop.h"
#include "agent/ingest/admission.h"
#include "agent/ingest/otlp/lost_answers.h"
#include "agent/ingest/otlp/receiver.h"
#include "agent/journal/journal.h"
#include "agent/net/byte_budget.h"
#include "agent/net/flow_gate.h"
#include "agent/self/counters.h"
#include "proto/record/limits.h"

namespace sluice::ingest::otlp {

// A user's requests are worked on one after the other; users take turns. A request of one slice is
// worked on at once when nothing of its user is before it.
class ExportQueue final : public Receiver {
 public:
  struct Options {
    net::EventLoop* loop = nullptr;
    journal::Journal* journal = nullptr;
    Admission* admission = nullptr;
    Counters* counters = nullptr;
    net::ByteBudget* budget = nullptr;
    // Holds back a user who hands in more than the disk takes.
    net::FlowGate* gate = nullptr;
    size_t max_request_bytes = kMaxRequestBytes;
    size_t max_item_bytes = limits::kOtlpItemBytes;
    // Whether there is anybody who reads metrics.
    std::function<bool()> has_metrics_reader;
  };

  // A request that finds no room is tried again for so long, or until a second before its deadline.
  static constexpr uint64_t kLongestHoldNanos = 5'000'000'000;

  // What is pointed to outlives the queue.
  explicit ExportQueue(Options options);
  ~ExportQueue() override;

  size_t max_request_bytes() const override { return options_.max_request_bytes; }
  Ticket Receive(const net::Connection& connection, Request request, Done done) override;
  void Abandon(Ticket ticket) override;

  // Everything up to `sequence` is durable.
  void OnSynced(uint64_t sequence);
  // What is held is refused, and so is what would be, for the end of the agent.
  void StopHolding();

 private:
  struct Job;
  struct OfUser {
    std::deque<Ticket> jobs;
    bool is_held = false;    // the first of them waits for room
    bool is_listed = false;  // in turns_
  };
  enum class Progress { kMore, kHeld, kEnded };

  void ServeLater();
  // Works for the user whose turn it is.
  void Serve();
  std::string_view WhyNoMetrics(Signal signal) const;
  // A job of the same request whose sender left.
  Job* FindAbandoned(uid_t uid, const Request& request);
  bool AnswerKnown(Job& job);
  void WorkFor(uid_t uid, OfUser& user);
  Progress Work(Job& job);
  absl::Status Append(Job& job);
  void EndWork(Job& job);
  Reply ReplyOf(Job& job);
  void CountItems(const Job& job);
  void WaitForSync(Job& job, uint64_t sequence, Reply reply);
  void RequestSync();
  void CommitAtTurnEnd();
  void LookLater();
  void Look();
  void GiveUp(Job& job);
  void Retry();
  void List(uid_t uid, OfUser& user);
  // Ends the job.
  void Answer(Job& job, const Reply& reply);
  void RefuseBusy(Job& job, const absl::Status& why);
  // Its bytes, now or when the journal has let go of them.
  void Release(const Job& job);
  void ReleaseLent(uint64_t synced);
  void Remove(Job& job);

  const Options options_;
  Ticket last_ticket_ = kAnswered;
  absl::flat_hash_map<Ticket, std::unique_ptr<Job>> jobs_;
  std::map<uid_t, OfUser> users_;            // with work to do
  std::deque<uid_t> turns_;                  // of those that are not held
  std::multimap<uint64_t, Ticket> waiting_;  // by the entry that has to be durable
  struct Charged {
    uid_t uid;
    size_t bytes;
  };
  // Of jobs that are over, by the last entry that the journal may still write from their bytes.
  std::multimap<uint64_t, Charged> lent_;
  LostAnswers lost_;
  // Connections that were told that metrics are not taken; those of old ones are forgotten.
  std::set<uint64_t> told_of_metrics_;
  net::EventLoop::TimerId look_timer_ = 0;
  net::EventLoop::TimerId sync_timer_ = 0;
  uint64_t last_sync_ = 0;  // when entries became durable
  bool serves_later_ = false;
  bool commit_pending_ = false;
  bool is_stopping_ = false;
};

}  // namespace sluice::ingest::otlp
