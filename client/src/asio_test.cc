// Coroutines of Boost.Asio in their contexts.
#include "sluice/asio.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <stdexcept>
#include <string>

#include "sluice/sluice.hpp"

namespace sluice::testing {
namespace {

namespace asio = boost::asio;

std::string SpanId(const Context& context) {
  return std::string(context.InjectTraceparent()).substr(36, 16);
}

asio::awaitable<int> Works(std::string expected) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(SpanId(Context::Current()), expected);
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(10));
    co_await timer.async_wait(asio::use_awaitable);
    EXPECT_EQ(SpanId(Context::Current()), expected);
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  }
  co_return 3;
}

asio::awaitable<int> Instrumented(std::string run) {
  Span span = Span::Detached("works", {}, {.parent = Context().WithBaggage("run", run)});
  const std::string id = SpanId(span.context());
  co_return co_await Instrument(Works(id), std::move(span));
}

asio::awaitable<void> Nested() {
  Span span = Span::Detached("outer");
  const std::string outer = SpanId(span.context());
  const auto body = [](std::string expected) -> asio::awaitable<void> {
    co_await Instrumented("nested");
    EXPECT_EQ(SpanId(Context::Current()), expected);
  };
  co_await Instrument(body(outer), std::move(span));
}

template <typename Result>
Result RunOn(asio::thread_pool* pool, asio::awaitable<Result> work) {
  return asio::co_spawn(*pool, std::move(work), asio::use_future).get();
}

TEST(AsioTest, ACoroutineRunsWithinItsSpan) {
  asio::thread_pool pool(2);
  EXPECT_EQ(RunOn(&pool, Instrumented("a")), 3);
  RunOn(&pool, Nested());
}

TEST(AsioTest, FlowsThatAreInterleavedDoNotMix) {
  asio::thread_pool pool(2);
  std::vector<std::future<int>> flows;
  for (int i = 0; i < 16; ++i) {
    flows.push_back(asio::co_spawn(pool, Instrumented(std::to_string(i)), asio::use_future));
  }
  for (auto& flow : flows) EXPECT_EQ(flow.get(), 3);
}

TEST(AsioTest, WhatItThrowsGoesOn) {
  asio::thread_pool pool(1);
  const auto fails = []() -> asio::awaitable<void> {
    throw std::runtime_error("no route");
    co_return;
  };
  const auto work = [&]() -> asio::awaitable<void> {
    co_await Instrument(fails(), Span::Detached("fails"));
  };
  EXPECT_THROW(RunOn(&pool, work()), std::runtime_error);
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::Init({.socket_path = "/nonexistent/sluice.sock"});
  return RUN_ALL_TESTS();
}
