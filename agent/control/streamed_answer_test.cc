#include "agent/control/streamed_answer.h"

#include <unistd.h>

#include <atomic>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::control {
namespace {

using sluice::testing::H2Client;

constexpr StreamedAnswers::Limits kAnswerLimits{
    {.per_uid = 1, .in_all = 1, .of_root = 1, .waiting_per_uid = 1, .waiting_in_all = 2}};
constexpr char kPath[] = "/t.T/Ask";

class StreamedAnswersTest : public net::GrpcServerTest {
 protected:
  StreamedAnswersTest() {
    MakeServer({});
    answers_ = std::make_unique<StreamedAnswers>(loop_.get(), &counters_, &cost_, kAnswerLimits);
    server_->AddRoute(
        kPath,
        {answers_->Serve(server_.get(), [this](const Question& question, AnswerStream& stream) {
          return answer_(question, stream);
        })});
  }
  ~StreamedAnswersTest() override { End(); }

  void End() {
    server_.reset();
    answers_.reset();
  }

  // A connection of a user other than root, whoever runs the test.
  std::unique_ptr<H2Client> ConnectAsUser() {
    constexpr uid_t kUser = 64321;
    const bool is_root = ::geteuid() == 0;
    const int became = is_root ? ::seteuid(kUser) : 0;
    EXPECT_EQ(became, 0);
    auto [near, far] = testing::SocketPair();
    const int is_back = is_root ? ::seteuid(0) : 0;
    EXPECT_EQ(is_back, 0);
    server_->AddConnection(std::move(far));
    return std::make_unique<H2Client>(std::move(near));
  }

  void LetPass(std::chrono::seconds time) {
    clock_.Advance(time);
    loop_->RunOnce(0);
  }

  QuestionCost cost_;
  std::unique_ptr<StreamedAnswers> answers_;
  Answerer answer_;
};

TEST_F(StreamedAnswersTest, AnswersOnAThreadAndLooksAtStateOnTheLoops) {
  const auto loop = std::this_thread::get_id();
  int state = 0;
  answer_ = [&](const Question& question, AnswerStream& stream) {
    EXPECT_NE(std::this_thread::get_id(), loop);
    for (int piece = 0; piece < 3; ++piece) {
      EXPECT_TRUE(stream.OnLoop([&] {
        EXPECT_EQ(std::this_thread::get_id(), loop);
        ++state;
      }));
    }
    stream.Send(question.request + "!");
    return absl::NotFoundError("but this");
  };
  const auto client = Connect();
  const int32_t call = client->Ask(kPath, "well");
  ASSERT_TRUE(UntilEnded(client.get(), call));
  EXPECT_EQ(state, 3);
  EXPECT_THAT(client->call(call).messages, ::testing::ElementsAre("well!"));
  EXPECT_EQ(client->call(call).status(), "5");
}

TEST_F(StreamedAnswersTest, AnEndedCallWaitsForTheLoopNoMore) {
  std::atomic<bool> asks = false, ended = false;
  answer_ = [&](const Question&, AnswerStream& stream) {
    asks = true;
    while (stream.OnLoop([] {})) {
    }
    EXPECT_TRUE(stream.IsOver());
    ended = true;
    return absl::OkStatus();
  };
  const auto client = Connect();
  const int32_t call = client->Ask(kPath, "");
  ASSERT_TRUE(Until(client.get(), [&] { return asks.load(); }));
  client->Reset(call);
  EXPECT_TRUE(Until(client.get(), [&] { return ended.load(); }));
}

TEST_F(StreamedAnswersTest, EndsAnAnswerThatWaitsForTheLoopWhichIsGone) {
  std::atomic<bool> asks = false;
  answer_ = [&](const Question&, AnswerStream& stream) {
    asks = true;
    while (stream.OnLoop([] {})) {
    }
    return absl::OkStatus();
  };
  const auto client = Connect();
  client->Ask(kPath, "");
  ASSERT_TRUE(Until(client.get(), [&] { return asks.load(); }));
  End();  // waits for the thread, while the loop does not turn
}

TEST_F(StreamedAnswersTest, MoreWaitForTheirTurnAndBeyondThatAreRefused) {
  std::atomic<bool> go = false;
  std::atomic<int> answered = 0;
  answer_ = [&](const Question&, AnswerStream& stream) {
    while (!go && !stream.IsOver()) std::this_thread::yield();
    ++answered;
    return absl::OkStatus();
  };
  const auto client = Connect();
  const int32_t first = client->Ask(kPath, "1");
  const int32_t second = client->Ask(kPath, "2");
  const int32_t third = client->Ask(kPath, "3");
  ASSERT_TRUE(UntilEnded(client.get(), third));
  EXPECT_EQ(client->call(third).status(), "8");
  EXPECT_EQ(counters_.Total("query.refused", "too_many"), 1u);
  EXPECT_FALSE(client->call(first).ended);
  go = true;
  ASSERT_TRUE(UntilEnded(client.get(), first));
  ASSERT_TRUE(UntilEnded(client.get(), second));
  EXPECT_EQ(answered, 2);
}

TEST_F(StreamedAnswersTest, WhoWaitsTooLongIsRefused) {
  std::atomic<int> answered = 0;
  answer_ = [&](const Question&, AnswerStream& stream) {
    while (!stream.IsOver()) std::this_thread::yield();
    ++answered;
    return absl::OkStatus();
  };
  const auto client = Connect();
  client->Ask(kPath, "1");
  const int32_t second = client->Ask(kPath, "2");
  Settle(client.get());
  for (int second_passed = 0; second_passed < 4; ++second_passed) LetPass(std::chrono::seconds(1));
  Settle(client.get());
  EXPECT_FALSE(client->call(second).ended);
  for (int second_passed = 0; second_passed < 2; ++second_passed) LetPass(std::chrono::seconds(1));
  ASSERT_TRUE(UntilEnded(client.get(), second));
  EXPECT_EQ(client->call(second).status(), "8");
  End();
  EXPECT_EQ(answered, 1);
}

TEST_F(StreamedAnswersTest, OneThatWaitsAndIsGivenUpIsForgotten) {
  std::atomic<bool> go = false;
  std::atomic<int> answered = 0;
  answer_ = [&](const Question&, AnswerStream& stream) {
    while (!go && !stream.IsOver()) std::this_thread::yield();
    ++answered;
    return absl::OkStatus();
  };
  const auto client = Connect();
  const int32_t first = client->Ask(kPath, "1");
  client->Reset(client->Ask(kPath, "2"));
  Settle(client.get());
  const int32_t third = client->Ask(kPath, "3");
  Settle(client.get());
  EXPECT_FALSE(client->call(third).ended) << "it has the place of the second";
  go = true;
  ASSERT_TRUE(UntilEnded(client.get(), first));
  ASSERT_TRUE(UntilEnded(client.get(), third));
  EXPECT_EQ(answered, 2);
}

TEST_F(StreamedAnswersTest, AnUnreadAnswerGoesWhenOthersWait) {
  std::atomic<int> sent = 0;
  answer_ = [&](const Question& question, AnswerStream& stream) {
    if (question.request == "small") return absl::OkStatus();
    while (stream.Send(std::string(500'000, 'x'))) ++sent;
    return absl::OkStatus();
  };
  const auto unread = ConnectAsUser();
  unread->Ask(kPath, "large");
  unread->Pump();  // the last time that it reads
  while (sent < 3) loop_->RunOnce(1);
  const auto other = ConnectAsUser();
  const int32_t small = other->Ask(kPath, "small");
  Settle(other.get());
  EXPECT_FALSE(other->call(small).ended);
  for (int tries = 0; tries < 4 && counters_.Total("query.ended", "unread") == 0; ++tries) {
    LetPass(std::chrono::seconds(1));
    Settle(other.get());
  }
  ASSERT_TRUE(UntilEnded(other.get(), small));
  EXPECT_EQ(other->call(small).status(), "0");
  EXPECT_EQ(counters_.Total("query.ended", "unread"), 1u);
}

TEST_F(StreamedAnswersTest, WhoOwesTooMuchIsRefusedBeforeItsRequestIsRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be another";
  std::atomic<int> answered = 0;
  answer_ = [&](const Question&, AnswerStream&) {
    ++answered;
    return absl::OkStatus();
  };
  cost_.Charge(64321, 100 * net::kSecond, clock_.BootNano());
  const auto client = ConnectAsUser();
  const int32_t call = client->Open(kPath);
  ASSERT_TRUE(UntilEnded(client.get(), call));
  EXPECT_EQ(client->call(call).status(), "8");
  EXPECT_NE(client->call(call).fields.at("grpc-retry-pushback-ms"), "");
  EXPECT_EQ(counters_.Total("query.refused", "cost"), 1u);
  const auto root = Connect();
  ASSERT_TRUE(UntilEnded(root.get(), root->Ask(kPath, "")));
  EXPECT_EQ(answered, 1);
}

TEST_F(StreamedAnswersTest, ChargesWhatAnAnswerTakes) {
  answer_ = [](const Question&, AnswerStream& stream) {
    volatile uint64_t sum = 0;
    for (uint64_t n = 0; n < 3'000'000; ++n) sum = sum + n;
    stream.Send("done");
    return absl::OkStatus();
  };
  const auto client = ConnectAsUser();
  ASSERT_TRUE(UntilEnded(client.get(), client->Ask(kPath, "")));
  EXPECT_EQ(cost_.size(), 1u);
}

}  // namespace
}  // namespace sluice::control
