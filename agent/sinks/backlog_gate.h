// Holds back who has more before a sink than his share of its time. A sink works its queue off in
// order, so what one user has there is what all others wait for.
//
// Share: dynamic threshold (Choudhury, Hahne). A user may have as much time of a sink's before it
// as the limit less what all users have: one alone half of it, n greedy ones a part in n + 1 each;
// who comes late always finds room. kFewestUnits are everybody's. Root is not counted and not held.
// The limit is kLimitNanos, which takes a burst, as long as a user is the only one; where another
// one, or root, sent something within kCompanyNanos, it is kLimitInCompanyNanos.
// A batch is taken whole, however long; so that those of many users do not add up, one of more than
// kFewestUnits is refused while others have half of kLimitNanos and leave too little of it.
//
// Only a sink that works counts. One that fails, waits or hangs holds nobody, and neither does one
// that works again before it has passed what was journalled by then: its backlog is the journal's
// matter, which has limits of its own.
//
// Counters: `sink.held` (sink, uid), how often; `sink.refused` (sink, uid), batches refused.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/base/event_loop.h"
#include "agent/base/user_of.h"
#include "agent/net/flow_gate.h"
#include "agent/self/counters.h"
#include "agent/sinks/backlog.h"
#include "agent/sinks/sink_load.h"

namespace sluice::sinks {

// Owned by the loop's thread.
class BacklogGate final : public net::FlowGate {
 public:
  static constexpr uint64_t kLimitNanos = 800'000'000;
  static constexpr uint64_t kLimitInCompanyNanos = 10'000'000;
  static constexpr uint64_t kCompanyNanos = 10'000'000'000;
  static constexpr uint64_t kFewestUnits = 2 * Backlog::kGroupUnits;

  // What is pointed to outlives the gate.
  struct Options {
    net::EventLoop* loop = nullptr;
    Counters* counters = nullptr;
    Backlog* backlog = nullptr;
    // HttpServer::ReleaseHeld of every server.
    std::function<void()> release;
  };
  explicit BacklogGate(Options options) : options_(std::move(options)) {}
  ~BacklogGate() override { options_.loop->CancelTimer(timer_); }

  // Before entries come in; what the journal has then does not count.
  void AddSink(const SinkLoad* sink) {
    sinks_.push_back({.load = sink, .counts_from = options_.backlog->last_sequence()});
  }

  // The journal took an entry.
  void OnAppend(uint64_t sequence, uid_t uid, uint64_t records, uint64_t bytes) {
    const bool is_much = options_.backlog->Append(sequence, uid, UnitsOf(records, bytes));
    company_.OnAppend(UserOf(uid), options_.loop->now());
    if (is_much && options_.loop->now() >= next_look_) Look();
  }

  bool Holds(uid_t uid) override { return !held_.empty() && held_.contains(uid); }

  // RESOURCE_EXHAUSTED, with the time to wait: the user has been held for so long that its
  // connections are read from all the same.
  absl::Status Check(uid_t uid) {
    if (held_.empty()) [[likely]]
      return absl::OkStatus();
    return CheckHeld(uid);
  }

  // As Check, of a batch that is about to go to the journal.
  absl::Status CheckBatch(uid_t uid, uint64_t records, uint64_t bytes) {
    const uint64_t units = UnitsOf(records, bytes);
    if (uid == 0 || units <= kFewestUnits) [[likely]]
      return absl::OkStatus();
    return CheckLarge(uid, units);
  }

 private:
  // The two users that sent something last.
  class Company {
   public:
    void OnAppend(uid_t user, uint64_t now) {
      if (last_.user != user) before_ = std::exchange(last_, {user, now});
      last_.at = now;
    }
    // Whether anybody but `user` did after `since`.
    bool HasOther(uid_t user, uint64_t since) const {
      return (last_.user == user ? before_ : last_).at > since;
    }

   private:
    struct Seen {
      uid_t user = 0;
      uint64_t at = 0;  // 0: nobody yet
    };
    Seen last_;
    Seen before_;
  };

  struct Sink {
    const SinkLoad* load = nullptr;
    bool counts = false;
    // The journal's end when it began to work; it counts once it has passed that.
    uint64_t counts_from = kNever;
  };
  struct Hold {
    uint64_t since = 0;
    // The sink that it is for, and what has to be worked off before it ends.
    const SinkLoad* sink = nullptr;
    uint64_t excess_nanos = 0;
  };
  static constexpr uint64_t kNever = UINT64_MAX;

  bool Counts(Sink* sink) const;
  uint64_t LimitOf(uid_t user) const;
  // Looks at who has too much. Nothing but this changes who is held.
  void Look();
  void LookAt(const SinkLoad& sink, ByUser<Hold>* held);
  absl::Status CheckHeld(uid_t uid);
  absl::Status CheckLarge(uid_t uid, uint64_t units);
  absl::Status Refuse(const SinkLoad& sink, uid_t uid, const char* why, uint64_t excess_nanos);

  const Options options_;
  std::vector<Sink> sinks_;
  ByUser<Hold> held_;
  Company company_;
  uint64_t next_look_ = 0;
  net::EventLoop::TimerId timer_ = 0;
};

}  // namespace sluice::sinks
