#include "agent/sinks/backlog_gate.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/retry_after.h"

namespace sluice::sinks {
namespace {

// Between two looks while entries come in, and while somebody is held; a look goes over all users
// that have something before a sink.
struct Pause {
  uint64_t nanos;
  uint64_t held_nanos;
};
constexpr Pause kOfFewUsers = {500'000, 1'000'000};
constexpr Pause kOfManyUsers = {2'000'000, 5'000'000};
constexpr size_t kFewLookedAt = 32;
// Less than the two seconds after which the server reads from a held connection.
constexpr uint64_t kPatienceNanos = 1'900'000'000;
constexpr uint64_t kShortestRetryMs = 50;
constexpr uint64_t kLongestRetryMs = 5'000;

}  // namespace

bool BacklogGate::Counts(Sink* sink) const {
  if (!sink->load->is_working()) {
    sink->counts = false;
    sink->counts_from = kNever;
  } else if (!sink->counts) {
    if (sink->counts_from == kNever) sink->counts_from = options_.backlog->last_sequence();
    sink->counts = sink->load->passed() >= sink->counts_from;
  }
  return sink->counts;
}

void BacklogGate::Look() {
  const uint64_t now = options_.loop->now();
  const Pause& pause = options_.backlog->users() <= kFewLookedAt ? kOfFewUsers : kOfManyUsers;
  next_look_ = now + pause.nanos;
  uint64_t counted = kNever;
  uint64_t all = kNever;
  ByUser<Hold> held;
  for (Sink& sink : sinks_) {
    const uint64_t passed = sink.load->passed();
    all = std::min(all, passed);
    if (!Counts(&sink)) continue;
    counted = std::min(counted, passed);
    LookAt(*sink.load, &held);
  }
  options_.backlog->Forget(counted, all);
  bool is_anyone_free = false;
  for (const auto& [uid, hold] : held_) is_anyone_free |= !held.contains(uid);
  for (auto& [uid, hold] : held) {
    const auto before = held_.find(uid);
    hold.since = before == held_.end() ? now : before->second.since;
    if (before == held_.end()) options_.counters->Add("sink.held", hold.sink->name(), uid);
  }
  held_ = std::move(held);
  if (is_anyone_free) options_.loop->RunAtTurnEnd(options_.release);
  options_.loop->CancelTimer(timer_);
  timer_ = held_.empty() ? 0 : options_.loop->AddTimer(now + pause.held_nanos, [this] { Look(); });
}

uint64_t BacklogGate::LimitOf(uid_t user) const {
  const uint64_t now = options_.loop->now();
  const uint64_t since = now - std::min(now, kCompanyNanos);
  return company_.HasOther(user, since) ? kLimitInCompanyNanos : kLimitNanos;
}

void BacklogGate::LookAt(const SinkLoad& sink, ByUser<Hold>* held) {
  struct Load {
    uid_t uid;
    uint64_t units;
    uint64_t nanos;
  };
  std::vector<Load> loads;
  uint64_t sum = 0;
  options_.backlog->ForEachAfter(sink.passed(), [&](uid_t uid, uint64_t units) {
    loads.push_back({uid, units, units * sink.NanosPerUnit(uid)});
    sum += loads.back().nanos;
  });
  for (const Load& load : loads) {
    const uint64_t limit = LimitOf(load.uid);
    const uint64_t room = limit - std::min(limit, sum);
    // Who is held waits for a little more than to be just below.
    const uint64_t most = held_.contains(load.uid) ? room / 4 * 3 : room;
    if (load.nanos <= most || load.units <= kFewestUnits) continue;
    Hold& hold = (*held)[load.uid];
    if (hold.sink != nullptr && hold.excess_nanos >= load.nanos - most) continue;
    hold.sink = &sink;
    hold.excess_nanos = load.nanos - most;
  }
}

absl::Status BacklogGate::CheckHeld(uid_t uid) {
  const auto found = held_.find(uid);
  if (found == held_.end()) return absl::OkStatus();
  const Hold& hold = found->second;
  if (options_.loop->now() - hold.since < kPatienceNanos) return absl::OkStatus();
  return Refuse(*hold.sink, uid, "is still writing what this user sent before", hold.excess_nanos);
}

absl::Status BacklogGate::CheckLarge(uid_t uid, uint64_t units) {
  for (Sink& sink : sinks_) {
    if (!Counts(&sink)) continue;
    uint64_t others = 0;
    options_.backlog->ForEachAfter(sink.load->passed(), [&](uid_t other, uint64_t before) {
      if (other != UserOf(uid)) others += before * sink.load->NanosPerUnit(other);
    });
    const uint64_t all = others + units * sink.load->NanosPerUnit(uid);
    if (others <= kLimitNanos / 2 || all <= kLimitNanos) continue;
    return Refuse(*sink.load, uid, "has too much to write for a batch of that length",
                  others - kLimitNanos / 2);
  }
  return absl::OkStatus();
}

absl::Status BacklogGate::Refuse(const SinkLoad& sink, uid_t uid, const char* why,
                                 uint64_t excess_nanos) {
  options_.counters->Add("sink.refused", sink.name(), uid);
  const uint64_t wait_ms = std::clamp(excess_nanos / 1'000'000, kShortestRetryMs, kLongestRetryMs);
  return WithRetryAfter(absl::ResourceExhaustedError(absl::StrCat("sink ", sink.name(), " ", why)),
                        std::chrono::milliseconds(wait_ms));
}

}  // namespace sluice::sinks
