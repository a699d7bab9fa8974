#include "client/cli/agent/emit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "client/rpc/channel.h"
#include "tests/support/fake_agent.h"

namespace sluice::cli {
namespace {

using std::chrono::steady_clock;
using testing::FakeAgent;
using testing::FakeScript;

FakeScript Refusing(int code, std::string pushback_ms) {
  return {.refuses = {{.code = code, .message = "no", .pushback_ms = std::move(pushback_ms)}}};
}

rpc::Deadline In(std::chrono::milliseconds time) { return steady_clock::now() + time; }

TEST(EmitTest, TriesAgainWhereTheAgentMayTakeItLater) {
  FakeAgent agent(Refusing(14, "5"));
  const rpc::Deadline deadline = In(std::chrono::seconds(20));
  std::thread heals([&agent, deadline] {
    while (agent.connections() < 3 && steady_clock::now() < deadline) std::this_thread::yield();
    agent.SetScript({});
  });
  EXPECT_TRUE(Emit(agent.socket_path(), "", deadline).ok());
  heals.join();
  EXPECT_GE(agent.connections(), 3u);
}

TEST(EmitTest, GivesUpAtOnceWhereTheAgentWantsMoreTimeThanThereIs) {
  FakeAgent agent(Refusing(8, "60000"));
  const rpc::Deadline deadline = In(std::chrono::seconds(20));
  const rpc::Status status = Emit(agent.socket_path(), "", deadline);
  EXPECT_EQ(status.code, rpc::GrpcCode::kResourceExhausted);
  EXPECT_LT(steady_clock::now(), deadline);
  EXPECT_EQ(agent.connections(), 1u);
}

TEST(EmitTest, DoesNotRepeatWhatIsWrongInItself) {
  FakeAgent agent(Refusing(3, ""));
  const rpc::Status status = Emit(agent.socket_path(), "", In(std::chrono::seconds(20)));
  EXPECT_EQ(status.code, rpc::GrpcCode::kInvalidArgument);
  EXPECT_EQ(agent.connections(), 1u);
}

TEST(EmitTest, TakesTheConnectionThatThereIs) {
  FakeAgent agent;
  const rpc::Deadline deadline = In(std::chrono::seconds(20));
  std::unique_ptr<rpc::Channel> connection;
  ASSERT_TRUE(rpc::Channel::Open(agent.socket_path(), deadline, &connection).ok());
  EXPECT_TRUE(Emit(agent.socket_path(), "", deadline, connection.get()).ok());
  EXPECT_TRUE(Emit(agent.socket_path(), "", deadline, connection.get()).ok());
  EXPECT_EQ(agent.connections(), 1u);
}

TEST(EmitTest, ConnectsAgainWhereThatConnectionBroke) {
  FakeAgent agent;
  const rpc::Deadline deadline = In(std::chrono::seconds(20));
  std::unique_ptr<rpc::Channel> connection;
  ASSERT_TRUE(rpc::Channel::Open(agent.socket_path(), deadline, &connection).ok());
  agent.Stop();
  agent.Start();
  EXPECT_TRUE(Emit(agent.socket_path(), "", deadline, connection.get()).ok());
  EXPECT_TRUE(HandOver(agent.socket_path(), "", deadline, connection.get()).ok());
}

}  // namespace
}  // namespace sluice::cli
