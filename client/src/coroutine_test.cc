// Contexts of coroutines that are suspended on one thread and resumed on another.
#include "sluice/coroutine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sluice/sluice.hpp"

namespace sluice::testing {
namespace {

// Threads that resume coroutines.
class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Post(std::coroutine_handle<> coroutine) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(coroutine);
    }
    changed_.notify_one();
  }
  auto Hop() {
    struct Awaiter : std::suspend_always {
      Pool* pool;
      void await_suspend(std::coroutine_handle<> coroutine) const { pool->Post(coroutine); }
    };
    return Awaiter{{}, this};
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const std::coroutine_handle<> next = queue_.front();
      queue_.pop_front();
      lock.unlock();
      next.resume();
      // Nothing of the coroutine stays with the thread.
      EXPECT_EQ(Context::Current().raw().span, 0u);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::coroutine_handle<>> queue_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

std::string SpanId(const Context& context) {
  return std::string(context.InjectTraceparent()).substr(36, 16);
}
std::string Current() { return SpanId(Context::Current()); }

Task<int> Hops(Pool& pool, int count, std::string expected) {
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(Current(), expected);
    co_await pool.Hop();
  }
  EXPECT_EQ(Current(), expected);
  co_return count;
}

TEST(CoroutineTest, RunsWithinItsSpanOnWhateverThread) {
  Pool pool(2);
  Span span = Span::Detached("task");
  const std::string id = SpanId(span.context());
  EXPECT_EQ(Instrument(Hops(pool, 10, id), std::move(span)).Wait(), 10);
  EXPECT_EQ(Context::Current().raw().span, 0u);
}

TEST(CoroutineTest, BelongsWhereItIsAwaited) {
  Pool pool(2);
  const auto outer = [](Pool* on) -> Task<> {
    const std::string before = Current();
    {
      // Current in this coroutine, on whatever thread it goes on.
      const Span span("within");
      const std::string id = SpanId(span.context());
      co_await Hops(*on, 3, id);
      EXPECT_EQ(Current(), id);
    }
    EXPECT_EQ(Current(), before);
  };
  Span span = Span::Detached("outer");
  Instrument(outer(&pool), std::move(span)).Wait();
}

TEST(CoroutineTest, FlowsThatAreInterleavedDoNotMix) {
  Pool pool(4);
  const auto flow = [](Pool* on, int number) -> Task<> {
    const std::string run = std::to_string(number);
    for (int i = 0; i < 50; ++i) {
      Span step = Span::Detached("step", {{"i", i}});
      const std::string id = SpanId(step.context());
      EXPECT_EQ(step.context().Baggage("run"), run);
      co_await Instrument(Hops(*on, 2, id), std::move(step));
      EXPECT_EQ(Context::Current().Baggage("run"), run);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      WithContext(flow(&pool, i), Context().WithBaggage("run", std::to_string(i))).Wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CoroutineTest, WhatItThrowsFailsTheSpanAndGoesOn) {
  Pool pool(1);
  const auto fails = [](Pool* on) -> Task<> {
    co_await on->Hop();
    throw std::runtime_error("no route");
  };
  const auto catches = [&](Pool* on) -> Task<std::string> {
    try {
      co_await Instrument(fails(on), Span::Detached("fails"));
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing";
  };
  EXPECT_EQ(catches(&pool).Wait(), "no route");
  EXPECT_THROW(fails(&pool).Wait(), std::runtime_error);
}

TEST(CoroutineTest, AnAwaiterThatThrowsInsteadOfSuspendingLeavesItInItsContext) {
  struct Refuses : std::suspend_always {
    void await_suspend(std::coroutine_handle<>) const {
      throw std::runtime_error("pool is closed");
    }
  };
  const auto body = []() -> Task<> {
    const std::string before = Current();
    EXPECT_THROW(co_await Refuses(), std::runtime_error);
    EXPECT_EQ(Current(), before);
  };
  Instrument(body(), Span::Detached("refused")).Wait();
  EXPECT_EQ(Context::Current().raw().span, 0u);
}

TEST(CoroutineTest, OneThatNeverStartsLeavesNothingBehind) {
  Pool pool(1);
  { const Task<int> never = Instrument(Hops(pool, 1, ""), Span::Detached("never")); }
  EXPECT_EQ(Context::Current().raw().span, 0u);
}

TEST(CoroutineTest, ACoroutineThatIsDestroyedWhileItWaitsEndsItsSpan) {
  struct Never : std::suspend_always {};
  const auto waits = []() -> Task<> { co_await Never(); };
  const uint64_t before = ReadStats().emitted;
  {
    Task<> task = Instrument(waits(), Span::Detached("cancelled"));
    auto awaiter = std::move(task).operator co_await();
    awaiter.await_ready();
    awaiter.coroutine.resume();
    EXPECT_EQ(Context::Current().raw().span, 0u);
  }
  EXPECT_EQ(ReadStats().emitted, before + 1);
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::Init({.socket_path = "/nonexistent/sluice.sock", .ring_bytes = 64 << 20});
  return RUN_ALL_TESTS();
}
