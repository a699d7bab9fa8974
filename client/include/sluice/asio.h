// Instrument and WithContext for Boost.Asio's awaitable. Needs Boost 1.74 or later.
//
//   co_await sluice::Instrument(Fetch(url), sluice::Span::Detached("fetch"));
#pragma once

// clang-format off
#include "sluice/cxx20.h"  // before what has errors of its own below C++20
#include <utility>  // which Boost 1.74 needs and leaves out
// clang-format on
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "sluice/span.h"

namespace sluice {

// Runs everything within a span or a context: each resumption of a coroutine is one function that
// its executor runs.
class ContextExecutor {
 public:
  ContextExecutor(boost::asio::any_io_executor inner, const Context& context, SpanRef span = {})
      : inner_(std::move(inner)), context_(context), span_(span.handle()) {}

  template <typename Function>
  void execute(Function&& function) const {
    boost::asio::execution::execute(inner_, [function = std::forward<Function>(function),
                                             context = context_, span = span_]() mutable {
      const SpanScope scope(span, context);
      std::move(function)();
    });
  }

  template <typename Property>
  requires boost::asio::can_query<const boost::asio::any_io_executor&,
                                  Property>::value decltype(auto)
  query(const Property& property) const {
    return boost::asio::query(inner_, property);
  }
  template <typename Property>
  requires boost::asio::can_require<const boost::asio::any_io_executor&, Property>::value
      ContextExecutor
      require(const Property& property)
  const { return {boost::asio::require(inner_, property), context_, SpanRef(span_)}; }
  template <typename Property>
  requires boost::asio::can_prefer<const boost::asio::any_io_executor&, Property>::value
      ContextExecutor
      prefer(const Property& property)
  const { return {boost::asio::prefer(inner_, property), context_, SpanRef(span_)}; }

  friend bool operator==(const ContextExecutor& a, const ContextExecutor& b) noexcept {
    return a.inner_ == b.inner_ && a.span_ == b.span_;
  }
  friend bool operator!=(const ContextExecutor& a, const ContextExecutor& b) noexcept {
    return !(a == b);
  }

 private:
  boost::asio::any_io_executor inner_;
  Context context_;
  sluice_span span_;
};

// As for Task, in coroutine.h. A span that is current on its thread must not live across a co_await
// in here: instrument what it was to cover.
template <typename T>
boost::asio::awaitable<T> WithContext(boost::asio::awaitable<T> work, Context context) {
  const ContextExecutor executor(co_await boost::asio::this_coro::executor, context);
  co_return co_await boost::asio::co_spawn(executor, std::move(work), boost::asio::use_awaitable);
}
template <typename T>
boost::asio::awaitable<T> Instrument(boost::asio::awaitable<T> work, Span span) {
  const ContextExecutor executor(co_await boost::asio::this_coro::executor, span.context(), span);
  try {
    co_return co_await boost::asio::co_spawn(executor, std::move(work), boost::asio::use_awaitable);
  } catch (...) {
    span.RecordError(internal::DescribeCurrent());
    throw;
  }
}

}  // namespace sluice
