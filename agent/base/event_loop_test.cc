#include "agent/base/event_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::net {
namespace {

struct Recorder final : EventLoop::FdHandler {
  void OnFdReady(uint32_t ready) override {
    ++calls;
    events = ready;
    if (then) then();
  }
  int calls = 0;
  uint32_t events = 0;
  std::function<void()> then;
};

struct SocketPair {
  SocketPair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
  void MakeReadable() { ASSERT_EQ(::write(far.get(), "x", 1), 1); }
  UniqueFd near;
  UniqueFd far;
};

class EventLoopTest : public ::testing::Test {
 protected:
  FakeClock clock_{1'000};
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
};

TEST_F(EventLoopTest, CallsTheHandlerOfAReadyDescriptorEachTurnUntilItIsTaken) {
  SocketPair pair;
  Recorder handler;
  ASSERT_TRUE(loop_->WatchFd(pair.near.get(), EPOLLIN, &handler).ok());
  loop_->RunOnce(0);
  EXPECT_EQ(handler.calls, 0);
  pair.MakeReadable();
  loop_->RunOnce(0);
  loop_->RunOnce(0);
  EXPECT_EQ(handler.calls, 2);
  EXPECT_EQ(handler.events, static_cast<uint32_t>(EPOLLIN));
}

// A server's order can only be fair among those that it is told of.
TEST_F(EventLoopTest, TellsOfManyReadyDescriptorsInOneTurn) {
  std::vector<SocketPair> pairs(300);
  std::vector<Recorder> handlers(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(loop_->WatchFd(pairs[i].near.get(), EPOLLIN, &handlers[i]).ok());
    pairs[i].MakeReadable();
  }
  loop_->RunOnce(0);
  for (const Recorder& handler : handlers) EXPECT_EQ(handler.calls, 1);
}

struct CountingServer final : EventLoop::Server {
  bool Serve() override {
    ++calls;
    return --left > 0;
  }
  int calls = 0;
  int left = 0;
};

TEST_F(EventLoopTest, DoesNotWaitWhileAServerHasMoreToDo) {
  CountingServer server;
  loop_->AddServer(&server);
  server.left = 3;
  loop_->RunOnce(0);
  loop_->RunOnce(-1);
  loop_->RunOnce(-1);
  EXPECT_EQ(server.calls, 3);
  loop_->RemoveServer(&server);
  loop_->RunOnce(0);
  EXPECT_EQ(server.calls, 3);
}

TEST_F(EventLoopTest, ServesBehindWhatAnnouncedTheWork) {
  SocketPair pair;
  Recorder handler;
  CountingServer server;
  loop_->AddServer(&server);
  handler.then = [&] { EXPECT_EQ(server.calls, 0); };
  ASSERT_TRUE(loop_->WatchFd(pair.near.get(), EPOLLIN, &handler).ok());
  pair.MakeReadable();
  loop_->RunOnce(0);
  EXPECT_EQ(handler.calls, 1);
  EXPECT_EQ(server.calls, 1);
}

TEST_F(EventLoopTest, DropsAnEventOfThisTurnForAHandlerThatAnotherHandlerRemoved) {
  SocketPair first, second;
  Recorder a, b;
  ASSERT_TRUE(loop_->WatchFd(first.near.get(), EPOLLIN, &a).ok());
  ASSERT_TRUE(loop_->WatchFd(second.near.get(), EPOLLIN, &b).ok());
  first.MakeReadable();
  second.MakeReadable();
  a.then = [&] { loop_->UnwatchFd(second.near.get()); };
  b.then = [&] { loop_->UnwatchFd(first.near.get()); };
  loop_->RunOnce(0);
  EXPECT_EQ(a.calls + b.calls, 1);
}

TEST_F(EventLoopTest, DropsAnEventOfAnEarlierWatchOfTheSameNumber) {
  SocketPair first, second;
  Recorder a, b, successor;
  ASSERT_TRUE(loop_->WatchFd(first.near.get(), EPOLLIN, &a).ok());
  ASSERT_TRUE(loop_->WatchFd(second.near.get(), EPOLLIN, &b).ok());
  first.MakeReadable();
  second.MakeReadable();
  const auto replace = [&](SocketPair* other) {
    loop_->UnwatchFd(other->near.get());
    ASSERT_TRUE(loop_->WatchFd(other->near.get(), EPOLLIN, &successor).ok());
  };
  a.then = [&] { replace(&second); };
  b.then = [&] { replace(&first); };
  loop_->RunOnce(0);
  EXPECT_EQ(a.calls + b.calls, 1);
  EXPECT_EQ(successor.calls, 0);
}

TEST_F(EventLoopTest, RunsTimersInOrderOfTheirDeadlinesAndNotBefore) {
  std::string order;
  loop_->AddTimer(3'000, [&] { order += 'c'; });
  loop_->AddTimer(1'001, [&] { order += 'a'; });
  loop_->AddTimer(2'000, [&] { order += 'b'; });
  loop_->RunOnce(0);
  EXPECT_EQ(order, "");
  clock_.now = 2'000;
  loop_->RunOnce(0);
  EXPECT_EQ(order, "ab");
  clock_.now = 3'000;
  loop_->RunOnce(0);
  EXPECT_EQ(order, "abc");
}

TEST_F(EventLoopTest, DoesNotRunACancelledTimerEvenWhenItIsDueTogetherWithItsCanceller) {
  int calls = 0;
  EventLoop::TimerId victim = 0;
  loop_->AddTimer(2'000, [&] { loop_->CancelTimer(victim); });
  victim = loop_->AddTimer(2'000, [&] { ++calls; });
  clock_.now = 5'000;
  loop_->RunOnce(0);
  loop_->CancelTimer(victim);
  loop_->CancelTimer(0);
  EXPECT_EQ(calls, 0);
}

TEST_F(EventLoopTest, ATimerThatRenewsItselfAtOnceDoesNotHoldTheLoop) {
  int calls = 0;
  std::function<void()> renew = [&] {
    ++calls;
    loop_->AddTimer(0, renew);
  };
  renew();
  loop_->RunOnce(0);
  EXPECT_EQ(calls, 2);
}

TEST_F(EventLoopTest, RunsTurnEndWorkAfterTheRestAndItsOwnAdditionsInTheNextTurn) {
  std::string order;
  loop_->RunAtTurnEnd([&] {
    order += "end ";
    loop_->RunAtTurnEnd([&] { order += "next"; });
  });
  loop_->AddTimer(0, [&] { order += "timer "; });
  loop_->RunOnce(0);
  EXPECT_EQ(order, "timer end ");
  loop_->RunOnce(-1);  // must not wait
  EXPECT_EQ(order, "timer end next");
}

TEST(EventLoopThreadTest, RunsPostedWorkOfEveryThreadInItsOrder) {
  const auto loop = *EventLoop::Create();
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  int left = kThreads * kEach;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop->Post([&, t, i] {
          seen[static_cast<size_t>(t)].push_back(i);
          if (--left == 0) loop->Stop();
        });
      }
    });
  }
  loop->Run();
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<int>& numbers : seen) {
    ASSERT_EQ(numbers.size(), static_cast<size_t>(kEach));
    for (int i = 0; i < kEach; ++i) EXPECT_EQ(numbers[static_cast<size_t>(i)], i);
  }
}

TEST(EventLoopThreadTest, StopsWhenAskedBeforeItRuns) {
  const auto loop = *EventLoop::Create();
  loop->Stop();
  loop->Run();
}

TEST(EventLoopThreadTest, WakesForARealTimer) {
  const auto loop = *EventLoop::Create();
  const uint64_t start = loop->clock().BootNano();
  loop->AddTimer(start + 5'000'000, [&] { loop->Stop(); });
  loop->Run();
  EXPECT_GE(loop->clock().BootNano(), start + 5'000'000);
}

}  // namespace
}  // namespace sluice::net
