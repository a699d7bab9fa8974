#include "agent/control/answer_queue.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr AnswerQueue::Limits kQueueLimits{
    .per_uid = 2, .in_all = 4, .of_root = 3, .waiting_per_uid = 2, .waiting_in_all = 5};

class AnswerQueueTest : public ::testing::Test {
 protected:
  bool Add(uid_t uid) { return queue_.Add(++last_ticket_, uid); }
  std::vector<AnswerQueue::Ticket> TakeAll() {
    std::vector<AnswerQueue::Ticket> taken;
    while (const auto ticket = queue_.Next()) taken.push_back(*ticket);
    return taken;
  }

  AnswerQueue queue_{kQueueLimits};
  AnswerQueue::Ticket last_ticket_ = 0;
};

TEST_F(AnswerQueueTest, AnswersSoManyOfAUidAtOnceAndHasSoManyWait) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(Add(5));
    EXPECT_EQ(queue_.Next(), last_ticket_);
  }
  EXPECT_TRUE(Add(5));
  EXPECT_TRUE(Add(5));
  EXPECT_FALSE(Add(5));
  EXPECT_THAT(TakeAll(), IsEmpty());
  queue_.Finish(5);
  EXPECT_THAT(TakeAll(), ElementsAre(3));
  EXPECT_TRUE(Add(5));
}

TEST_F(AnswerQueueTest, WhoHasNoneUnderWayComesBeforeWhoHas) {
  for (const uid_t uid : {5, 5, 6, 6}) Add(uid);
  ASSERT_THAT(TakeAll(), ElementsAre(1, 3, 2, 4));
  Add(5);  // 5
  Add(6);  // 6
  Add(7);  // 7
  EXPECT_THAT(TakeAll(), IsEmpty()) << "four of all users";
  queue_.Finish(5);
  EXPECT_THAT(TakeAll(), ElementsAre(7));
  queue_.Finish(6);
  EXPECT_THAT(TakeAll(), ElementsAre(5)) << "of two with as many the first";
}

TEST_F(AnswerQueueTest, RootHasRoomOfItsOwn) {
  for (const uid_t uid : {5, 5, 6, 6}) Add(uid);
  TakeAll();
  for (uid_t uid = 7; uid <= 11; ++uid) EXPECT_TRUE(Add(uid));
  EXPECT_FALSE(Add(12)) << "so many wait in all";
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Add(0));
    EXPECT_EQ(queue_.Next(), last_ticket_);
  }
  EXPECT_TRUE(Add(0));
  EXPECT_EQ(queue_.Next(), std::nullopt);
}

TEST_F(AnswerQueueTest, ForgetsWhoDoesNotAskAnyMore) {
  for (const uid_t uid : {5, 5, 5, 5}) Add(uid);
  EXPECT_TRUE(queue_.Forget(1));
  EXPECT_FALSE(queue_.Forget(1));
  EXPECT_THAT(TakeAll(), ElementsAre(2, 3));
  EXPECT_FALSE(queue_.Forget(2)) << "it is answered";
}

TEST_F(AnswerQueueTest, NamesTheUidWithTheMostWhereSomebodyHasNone) {
  for (const uid_t uid : {5, 5, 6, 7}) Add(uid);
  TakeAll();
  EXPECT_EQ(queue_.UidToMakeRoom(), std::nullopt);
  Add(5);
  EXPECT_EQ(queue_.UidToMakeRoom(), std::nullopt) << "it has some";
  Add(8);
  EXPECT_EQ(queue_.UidToMakeRoom(), 5u);
  queue_.Finish(5);
  ASSERT_THAT(TakeAll(), ElementsAre(6));
  Add(9);
  EXPECT_EQ(queue_.UidToMakeRoom(), std::nullopt) << "nobody has more than one";
}

}  // namespace
}  // namespace sluice::control
