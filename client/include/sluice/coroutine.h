// Coroutines whose context goes with them: whatever thread resumes one, what it emits belongs where
// it belonged before.
//
//   sluice::Task<int> Load(std::string name);
//
//   sluice::Task<> Serve() {
//     int size = co_await sluice::Instrument(Load("a"), sluice::Span::Detached("load"));
//   }
//
// A coroutine of any other type knows nothing of contexts: there, make ContextScope or
// SpanRef::InScope between two suspensions, never across one. asio.h is for Boost.Asio's.
#pragma once

// clang-format off
#include "sluice/cxx20.h"  // before what has errors of its own below C++20
// clang-format on
#include <coroutine>
#include <optional>
#include <utility>

#include "sluice/coroutine_context.h"

namespace sluice {
namespace internal {

template <typename T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <typename Value>
  void return_value(Value&& value) {
    value_.emplace(std::forward<Value>(value));
  }
  T Take() {
    Rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void Take() { Rethrow(); }
};

}  // namespace internal

// Starts when it is awaited: once, or never; destroyed before it has ended, it is cancelled where
// it stands.
template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> coroutine;

      bool await_ready() const noexcept {
        coroutine.promise().context().Inherit();
        return false;
      }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> next) const noexcept {
        coroutine.promise().set_continuation(next);
        return coroutine;
      }
      T await_resume() const { return coroutine.promise().Take(); }
    };
    return Awaiter{coroutine_};
  }

  // Runs it from outside any coroutine, and waits until it has ended. Throws what it throws.
  T Wait() && {
    internal::Signal signal;
    promise_type& promise = coroutine_.promise();
    promise.context().Inherit();
    promise.set_signal(&signal);
    coroutine_.resume();
    signal.Wait();
    return promise.Take();
  }

  // See Instrument and WithContext.
  internal::TaskContext& context() { return coroutine_.promise().context(); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

// The task within the span, which ends with it and fails with what it throws. Busy is the time that
// it runs; where it waits it is idle. The span is a detached one.
template <typename T>
Task<T> Instrument(Task<T> task, Span span) {
  task.context().Give(std::move(span));
  return task;
}

// The task in a context of the caller's choice, e.g. one with baggage.
template <typename T>
Task<T> WithContext(Task<T> task, const Context& context) {
  task.context().Give(context);
  return task;
}

namespace internal {

template <typename T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

}  // namespace internal
}  // namespace sluice
