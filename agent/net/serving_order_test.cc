#include "agent/net/serving_order.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr auto kRead = ServingOrder::kRead;
constexpr uint64_t kStep = 1000;

struct Named final : ServingOrder::Client {
  explicit Named(std::string its) : name(std::move(its)) {}
  const std::string name;
};

class ServingOrderTest : public ::testing::Test {
 protected:
  // Serves `steps` clients of which each takes kStep and wants more; tells who they were.
  std::string Serve(int steps, const std::map<ServingOrder::Client*, ServingOrder::User*>& users) {
    std::string names;
    for (int i = 0; i < steps; ++i) {
      auto* const client = static_cast<Named*>(order_.Next(kRead));
      if (client == nullptr) break;
      names += client->name;
      order_.Spend(users.at(client), kStep);
      order_.Add(kRead, users.at(client), client);
    }
    return names;
  }

  ServingOrder order_;
  Named a_{"a"}, b_{"b"}, c_{"c"}, d_{"d"};
};

TEST_F(ServingOrderTest, ServesUsersByWhatTheyHadNotByTheirConnections) {
  ServingOrder::User* const one = order_.Join(1);
  ServingOrder::User* const two = order_.Join(2);
  order_.Add(kRead, one, &a_);
  order_.Add(kRead, one, &b_);
  order_.Add(kRead, one, &c_);
  order_.Add(kRead, two, &d_);
  const std::string served = Serve(12, {{&a_, one}, {&b_, one}, {&c_, one}, {&d_, two}});
  EXPECT_EQ(std::count(served.begin(), served.end(), 'd'), 6);
  for (const char each : {'a', 'b', 'c'}) {
    EXPECT_EQ(std::count(served.begin(), served.end(), each), 2) << served;
  }
}

TEST_F(ServingOrderTest, ServesANewcomerNext) {
  ServingOrder::User* const old = order_.Join(1);
  order_.Add(kRead, old, &a_);
  Serve(1000, {{&a_, old}});
  ServingOrder::User* const newcomer = order_.Join(2);
  order_.Add(kRead, newcomer, &b_);
  EXPECT_EQ(Serve(1, {{&a_, old}, {&b_, newcomer}}), "b");
}

TEST_F(ServingOrderTest, SavesNothingUpForAUserThatWasAway) {
  ServingOrder::User* const away = order_.Join(1);
  ServingOrder::User* const busy = order_.Join(2);
  order_.Add(kRead, busy, &b_);
  Serve(1000, {{&b_, busy}});
  order_.Add(kRead, away, &a_);
  const std::string served = Serve(10, {{&a_, away}, {&b_, busy}});
  EXPECT_EQ(std::count(served.begin(), served.end(), 'a'), 5) << served;
}

// Else a user would only have to connect anew after each step.
TEST_F(ServingOrderTest, RemembersWhatAUserHadThatLeftAndCameBack) {
  ServingOrder::User* const fair = order_.Join(1);
  order_.Add(kRead, fair, &a_);
  std::string served;
  for (int i = 0; i < 20; ++i) {
    ServingOrder::User* const back = order_.Join(2);
    order_.Add(kRead, back, &b_);
    while (true) {
      auto* const client = static_cast<Named*>(order_.Next(kRead));
      served += client->name;
      order_.Spend(client == &a_ ? fair : back, kStep);
      if (client == &b_) break;
      order_.Add(kRead, fair, &a_);
    }
    order_.Leave(back);
  }
  EXPECT_GE(std::count(served.begin(), served.end(), 'a'), 19) << served;
}

TEST_F(ServingOrderTest, GivesRootAFewTimesAsMuch) {
  ServingOrder::User* const root = order_.Join(0);
  ServingOrder::User* const user = order_.Join(1);
  order_.Add(kRead, root, &a_);
  order_.Add(kRead, user, &b_);
  const std::string served = Serve(50, {{&a_, root}, {&b_, user}});
  EXPECT_EQ(std::count(served.begin(), served.end(), 'a'), 40) << served;
}

TEST_F(ServingOrderTest, PutsNobodyOffForLong) {
  ServingOrder::User* const user = order_.Join(1);
  ServingOrder::User* const other = order_.Join(2);
  order_.Spend(user, 3600'000'000'000);
  order_.Add(kRead, user, &a_);
  order_.Add(kRead, other, &b_);
  const std::string served = Serve(static_cast<int>(ServingOrder::kLongestDebtNanos / kStep) + 2,
                                   {{&a_, user}, {&b_, other}});
  EXPECT_EQ(std::count(served.begin(), served.end(), 'a'), 1);
}

TEST_F(ServingOrderTest, GoesOnWithWhatAUserHasUnderWay) {
  ServingOrder::User* const user = order_.Join(1);
  ServingOrder::User* const other = order_.Join(2);
  order_.Add(kRead, user, &a_);
  order_.Add(kRead, user, &b_);
  order_.Add(kRead, other, &c_);
  ASSERT_EQ(order_.Next(kRead), &a_);
  order_.Spend(user, kStep);
  order_.AddFirst(kRead, user, &a_);
  EXPECT_EQ(order_.Next(kRead), &c_);
  EXPECT_EQ(order_.Next(kRead), &a_);
  EXPECT_EQ(order_.Next(kRead), &b_);
  EXPECT_EQ(order_.Next(kRead), nullptr);
}

TEST_F(ServingOrderTest, ForgetsAClientThatIsRemoved) {
  ServingOrder::User* const user = order_.Join(1);
  ServingOrder::User* const other = order_.Join(2);
  order_.Add(kRead, user, &a_);
  EXPECT_FALSE(order_.OthersWait(user));
  EXPECT_TRUE(order_.OthersWait(other));
  order_.Add(ServingOrder::kTurnEnd, user, &a_);
  order_.Remove(kRead, user, &a_);
  EXPECT_EQ(order_.Next(kRead), nullptr);
  EXPECT_TRUE(order_.IsEmpty(kRead));
  EXPECT_EQ(order_.Next(ServingOrder::kTurnEnd), &a_);
}

}  // namespace
}  // namespace sluice::net
