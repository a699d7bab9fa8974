// A server on a loop that tests turn by hand, and a call whose course they script.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/net/grpc/grpc_server.h"
#include "agent/net/grpc/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/h2_client.h"

namespace sluice::net {

inline constexpr uint64_t kSecond = 1'000'000'000;

// Notes what happens to a call; the test acts through `call`.
struct Script {
  Call* call = nullptr;
  CallId id = 0;
  std::vector<std::string> messages;
  std::string events;
  std::function<void(std::string_view)> on_message;
  std::function<void(std::string_view)> on_continue;
  std::function<void()> on_half_close;
};

class ScriptedHandler final : public CallHandler {
 public:
  explicit ScriptedHandler(Script* script) : script_(script) {}
  ~ScriptedHandler() override { script_->events += "destroyed "; }
  void OnMessage(std::string_view message) override {
    script_->messages.emplace_back(message);
    if (script_->on_message) script_->on_message(message);
  }
  void OnContinue(std::string_view message) override { script_->on_continue(message); }
  void OnHalfClose() override {
    script_->events += "half-close ";
    if (script_->on_half_close) script_->on_half_close();
  }
  void OnCancel() override { script_->events += "cancel "; }
  void OnWritable() override { script_->events += "writable "; }

 private:
  Script* const script_;
};

class GrpcServerTest : public ::testing::Test {
 protected:
  GrpcServerTest() { MakeServer({}); }

  void MakeServer(const GrpcServer::Limits& limits) {
    server_.reset();
    server_ = std::make_unique<GrpcServer>(GrpcServer::Options{.loop = loop_.get(),
                                                               .counters = &counters_,
                                                               .budget = &budget_,
                                                               .limits = limits,
                                                               .gates = gates_});
    server_->AddRoute("/t.T/Script", {.factory =
                                          [this](Call& call) {
                                            script_.call = &call;
                                            script_.id = call.id();
                                            return std::make_unique<ScriptedHandler>(&script_);
                                          },
                                      .max_message_bytes = 300'000});
    server_->AddRoute("/t.T/Echo", {.factory = Unary([](Call& call, std::string_view request) {
                                      call.Send(request);
                                      call.Finish(absl::OkStatus());
                                    })});
    server_->AddRoute("/t.T/Refuse", {.factory = [](Call& call) {
                        call.Finish(absl::UnavailableError("50% full"), 750);
                        return nullptr;
                      }});
  }

  UniqueFd ConnectRaw() {
    auto [near, far] = testing::SocketPair();
    server_->AddConnection(std::move(far));
    return std::move(near);
  }
  std::unique_ptr<testing::H2Client> Connect() {
    return std::make_unique<testing::H2Client>(ConnectRaw());
  }

  bool Until(testing::H2Client* client, const std::function<bool()>& done) {
    return client->PumpUntil(done, [this] { loop_->RunOnce(1); });
  }
  bool UntilEnded(testing::H2Client* client, int32_t id) {
    return Until(client, [=] { return client->call(id).ended; });
  }
  // Enough turns for everything that is on its way to arrive.
  void Settle(testing::H2Client* client) {
    for (int i = 0; i < 5; ++i) {
      client->Pump();
      loop_->RunOnce(0);
    }
    client->Pump();
  }

  FakeClock clock_{kSecond};
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
  Counters counters_;
  ByteBudget budget_{{.total = 4 * 1024 * 1024, .per_uid = 3 * 1024 * 1024}};
  Script script_;
  std::vector<FlowGate*> gates_;
  std::unique_ptr<GrpcServer> server_;
};

}  // namespace sluice::net
