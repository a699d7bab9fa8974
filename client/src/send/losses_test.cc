#include "client/src/send/losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "tests/support/client/sending_client.h"
#include "tests/support/fake_agent.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::FakeAgent;
using ::testing::Pair;
using Client = testing::SendingClient;

TEST(LossesTest, TellsWhatItLostWithItsRecords) {
  FakeAgent agent;
  agent.Stop();
  Client& client = *new Client(agent.socket_path());
  while (client.recorder().drops().ring_full.load() < 10) client.Event("kept or dropped");
  agent.Start();
  ASSERT_TRUE(client.Flush());
  EXPECT_THAT(agent.losses(), ElementsAre(Pair("ring_full", 10)));
  EXPECT_EQ(agent.violations(), 0u);
}

TEST(LossesTest, TellsWhatItLostWhereNoRecordGoesWithIt) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path(), 256 * 1024, 1);
  const uint64_t only = client.Start("only");
  ASSERT_TRUE(agent.WaitForCount(1));
  EXPECT_EQ(client.Start("one too many"), 0u);
  EXPECT_TRUE(agent.WaitFor([&](const auto&) {
    return agent.losses_unlocked() == std::map<std::string, uint64_t>{{"span_limit", 1}};
  })) << "without a flush";
  client.Event(std::string(100'000, 'x'));
  ASSERT_TRUE(client.Flush());
  EXPECT_THAT(agent.losses(), ElementsAre(Pair("span_limit", 1), Pair("too_large", 1)));
  client.End(only);
  EXPECT_TRUE(client.Flush());
  EXPECT_EQ(agent.records().size(), 2u);
}

TEST(LossesTest, TellsItAgainToTheNextAgent) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  client.Event(std::string(100'000, 'x'));
  ASSERT_TRUE(client.Flush());
  agent.Stop();
  agent.ForgetLosses();
  agent.Start();
  client.Event("small");
  ASSERT_TRUE(client.Flush());
  EXPECT_THAT(agent.losses(), ElementsAre(Pair("too_large", 1)));
}

TEST(LossesTest, AFlushFailsWhereALossCouldNotBeTold) {
  FakeAgent agent;
  agent.Stop();
  Client& client = *new Client(agent.socket_path());
  client.Event(std::string(100'000, 'x'));
  EXPECT_FALSE(client.Flush(milliseconds(50)));
  agent.Start();
  EXPECT_TRUE(client.Flush());
}

}  // namespace
}  // namespace sluice
