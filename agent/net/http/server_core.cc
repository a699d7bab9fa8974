#include "agent/net/http/server_core.h"

#include <algorithm>
#include <utility>

namespace sluice::net {
namespace {

// Connections of overdrawn uids are looked at so often, and so many of them are read from again at
// once: few, since each may bring work for nothing.
constexpr uint64_t kWakeNanos = 5'000'000;
constexpr int kWakeAtOnce = 4;
// How often held connections are looked at: for those that have been held for long enough, and in
// case a gate opened without a word.
constexpr uint64_t kHeldNanos = 100'000'000;

}  // namespace

ServerCore::ServerCore(Options options)
    : options_(std::move(options)),
      loop_share_(options_.limits.waste),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBytes)) {
  loop().AddServer(this);
}

ServerCore::~ServerCore() {
  loop().RemoveServer(this);
  loop().CancelTimer(wake_timer_);
  loop().CancelTimer(held_timer_);
}

void ServerCore::NeedTurnEnd() {
  if (std::exchange(turn_end_due_, true)) return;
  loop().RunAtTurnEnd([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    turn_end_due_ = false;
    options_.close_turn();
  });
}

bool ServerCore::Serve() {
  if (order_.IsEmpty(ServingOrder::kRead)) return false;
  const uint64_t begin = loop().now();
  for (served_until_ = begin; served_until_ < begin + kTurnNanos;) {
    ServingOrder::Client* const next = order_.Next(ServingOrder::kRead);
    if (next == nullptr) break;
    served_until_ = options_.serve(next, served_until_);
  }
  return !order_.IsEmpty(ServingOrder::kRead);
}

void ServerCore::NotePeer(const Identity& identity, std::string_view protocol,
                          std::string_view user_agent) {
  if (options_.peers == nullptr) return;
  options_.peers->Note(identity, protocol, user_agent, loop().clock().UnixNano());
}

void ServerCore::AddResting(SocketConnection* connection, uid_t uid) {
  resting_.push_back({connection, uid});
  if (wake_timer_ == 0) WakeRestingLater();
}

void ServerCore::RemoveResting(SocketConnection* connection) {
  std::erase_if(resting_, [=](const Resting& each) { return each.connection == connection; });
}

void ServerCore::WakeRestingLater() {
  wake_timer_ = loop().AddTimer(loop().now() + kWakeNanos, [this] {
    wake_timer_ = 0;
    WakeResting();
    if (!resting_.empty()) WakeRestingLater();
  });
}

void ServerCore::WakeResting() {
  int awake = 0;
  for (size_t left = resting_.size(); left > 0 && awake < kWakeAtOnce; --left) {
    const Resting first = resting_.front();
    resting_.pop_front();
    if (loop_share_.IsOverdrawn(first.uid, loop().now())) {
      resting_.push_back(first);
    } else {
      options_.wake_up(first.connection);
      ++awake;
    }
  }
}

bool ServerCore::HoldsBack(uid_t uid) const {
  return std::any_of(options_.gates.begin(), options_.gates.end(),
                     [uid](FlowGate* gate) { return gate->Holds(uid); });
}

void ServerCore::AddHeld(SocketConnection* connection, uid_t uid, uint64_t until) {
  counters().Add("net.held", {}, uid);
  held_.push_back({connection, uid, until});
  if (held_timer_ == 0) WakeHeldLater();
}

void ServerCore::RemoveHeld(SocketConnection* connection) {
  std::erase_if(held_, [=](const Held& each) { return each.connection == connection; });
}

void ServerCore::WakeHeldLater() {
  held_timer_ = loop().AddTimer(loop().now() + kHeldNanos, [this] {
    held_timer_ = 0;
    WakeHeld([now = loop().now()](const Held& each) { return each.until <= now; });
    ReleaseHeld();
    if (!held_.empty()) WakeHeldLater();
  });
}

void ServerCore::ReleaseHeld() {
  absl::flat_hash_map<uid_t, bool> holds;
  WakeHeld([&](const Held& each) {
    const auto [answer, is_new] = holds.try_emplace(each.uid, false);
    if (is_new) answer->second = HoldsBack(each.uid);
    return !answer->second;
  });
}

void ServerCore::WakeHeld(const std::function<bool(const Held&)>& is_over) {
  const auto over = std::stable_partition(held_.begin(), held_.end(),
                                          [&](const Held& each) { return !is_over(each); });
  const std::vector<Held> awake(over, held_.end());
  held_.erase(over, held_.end());
  for (const Held& each : awake) options_.wake_up(each.connection);
}

void ServerCore::DeferDelete(std::unique_ptr<HttpCall> call) {
  dead_calls_.push_back(std::move(call));
  NeedTurnEnd();
}

void ServerCore::DeletePending() { std::exchange(dead_calls_, {}).clear(); }

}  // namespace sluice::net
