#include "agent/net/server_core.h"

#include <utility>

#include "agent/net/grpc/server_call.h"
#include "agent/net/socket_connection.h"

namespace sluice::net {
namespace {

// Connections of overdrawn uids are looked at so often, and so many of them are read from again at
// once: few, since each may bring work for nothing.
constexpr uint64_t kWakeNanos = 5'000'000;
constexpr int kWakeAtOnce = 4;

}  // namespace

ServerCore::ServerCore(const GrpcServer::Options& options, std::function<void()> close_turn)
    : options_(options),
      close_turn_(std::move(close_turn)),
      loop_share_(options.limits.waste),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBytes)) {}

ServerCore::~ServerCore() { loop().CancelTimer(wake_timer_); }

void ServerCore::AddRoute(std::string_view path, Route route) {
  routes_.insert_or_assign(std::string(path), std::move(route));
}

const ServerCore::RouteEntry* ServerCore::FindRoute(std::string_view path) const {
  const auto entry = routes_.find(path);
  return entry == routes_.end() ? nullptr : &*entry;
}

CallId ServerCore::AddCall(ServerCall* call) {
  calls_.emplace(++last_call_, call);
  return last_call_;
}

ServerCall* ServerCore::FindCall(CallId id) const {
  const auto call = calls_.find(id);
  return call == calls_.end() ? nullptr : call->second;
}

void ServerCore::NeedTurnEnd() {
  if (std::exchange(turn_end_due_, true)) return;
  loop().RunAtTurnEnd([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    turn_end_due_ = false;
    close_turn_();
  });
}

void ServerCore::AddBusy(SocketConnection* connection) {
  busy_.push_back(connection);
  NeedTurnEnd();
}

std::vector<SocketConnection*> ServerCore::TakeBusy() { return std::exchange(busy_, {}); }

void ServerCore::RemoveBusy(SocketConnection* connection) { std::erase(busy_, connection); }

void ServerCore::AddResting(SocketConnection* connection) {
  resting_.push_back(connection);
  if (wake_timer_ == 0) WakeRestingLater();
}

void ServerCore::RemoveResting(SocketConnection* connection) { std::erase(resting_, connection); }

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
    SocketConnection* const connection = resting_.front();
    resting_.pop_front();
    if (loop_share_.IsOverdrawn(connection->uid(), loop().now())) {
      resting_.push_back(connection);
    } else {
      connection->WakeUp();
      ++awake;
    }
  }
}

void ServerCore::Bury(std::unique_ptr<CallHandler> handler) {
  dead_handlers_.push_back(std::move(handler));
  NeedTurnEnd();
}

void ServerCore::Bury(std::unique_ptr<ServerCall> call) {
  dead_calls_.push_back(std::move(call));
  NeedTurnEnd();
}

// Handlers first: they hold references to their calls.
void ServerCore::EmptyGraves() {
  std::exchange(dead_handlers_, {}).clear();
  std::exchange(dead_calls_, {}).clear();
}

}  // namespace sluice::net
