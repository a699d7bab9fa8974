#include "agent/ingest/loss_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class LossTableTest : public ::testing::Test {
 protected:
  static ClientId IdOf(uint32_t number) {
    ClientId id;
    id.bytes[0] = static_cast<uint8_t>(number);
    id.bytes[1] = static_cast<uint8_t>(number >> 8);
    return id;
  }
  void Tell(uid_t uid, uint32_t number, uint64_t count) {
    table_.Tell(IdOf(number), {.identity = {.pid = static_cast<pid_t>(number), .uid = uid},
                               .service_name = "s",
                               .losses = {{"ring_full", count}},
                               .told_unix_nano = ++now_});
  }
  void End(uid_t uid, uint32_t number) { table_.End(uid, IdOf(number), ++now_); }
  std::vector<pid_t> Pids(std::optional<uid_t> uid = std::nullopt) const {
    std::vector<pid_t> pids;
    for (const auto& client : table_.Copy(uid)) pids.push_back(client.identity.pid);
    return pids;
  }

  LossTable table_;
  uint64_t now_ = 0;
};

TEST_F(LossTableTest, HasTheLastTotalsOfEachClientInTheOrderOfTheirLastWord) {
  Tell(5, 1, 10);
  Tell(6, 2, 20);
  Tell(5, 1, 30);
  EXPECT_THAT(Pids(), ElementsAre(2, 1));
  EXPECT_THAT(Pids(6), ElementsAre(2));
  EXPECT_EQ(table_.Copy(5).at(0).losses.at("ring_full"), 30u);
}

TEST_F(LossTableTest, AClientOfTheSameIdButAnotherUserIsAnother) {
  Tell(5, 1, 10);
  Tell(6, 1, 20);
  End(6, 1);
  EXPECT_EQ(table_.Copy(5).at(0).ended_unix_nano, 0u);
  EXPECT_NE(table_.Copy(6).at(0).ended_unix_nano, 0u);
}

TEST_F(LossTableTest, AClientThatComesBackHasNotEnded) {
  Tell(5, 1, 10);
  End(5, 1);
  Tell(5, 1, 10);
  EXPECT_EQ(table_.Copy(5).at(0).ended_unix_nano, 0u);
  End(5, 2);
  EXPECT_THAT(table_.Copy(5), SizeIs(1)) << "who told nothing leaves nothing";
}

TEST_F(LossTableTest, KeepsTheLastEndedOnesOfEachUser) {
  Tell(6, 9999, 1);
  End(6, 9999);
  Tell(5, 9998, 1);
  for (uint32_t n = 0; n < LossTable::kEndedPerUser + 10; ++n) {
    Tell(5, n, 1);
    End(5, n);
  }
  EXPECT_THAT(Pids(6), ElementsAre(9999));
  const std::vector<pid_t> pids = Pids(5);
  EXPECT_THAT(pids, SizeIs(LossTable::kEndedPerUser + 1));
  EXPECT_EQ(pids.front(), 9998) << "it is connected";
  EXPECT_EQ(pids.at(1), 10);
  End(5, 10);
  EXPECT_EQ(Pids(5), pids) << "ended twice";
}

TEST_F(LossTableTest, NoUserTakesMoreThanItsShareAndAllNoMoreThanAll) {
  for (uint32_t n = 0; n < LossTable::kPerUser + 3; ++n) Tell(5, n, 1);
  EXPECT_THAT(Pids(5), SizeIs(LossTable::kPerUser));
  EXPECT_EQ(Pids(5).front(), 3);
  for (uint32_t n = 0; n < LossTable::kAll; ++n) Tell(100 + n, n, 1);
  EXPECT_THAT(Pids(), SizeIs(LossTable::kAll));
  EXPECT_THAT(Pids(5), SizeIs(0));
}

}  // namespace
}  // namespace sluice::ingest
