// How a coroutine keeps its context over suspensions. See coroutine.h.
#pragma once

// clang-format off
#include "sluice/cxx20.h"  // before what has errors of its own below C++20
// clang-format on
#include <pthread.h>

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "sluice/span.h"

namespace sluice {

template <typename T>
class Task;

namespace internal {

template <typename Awaitable>
decltype(auto) AwaiterOf(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaitable)); }) {
    return operator co_await(std::forward<Awaitable>(awaitable));
  } else {
    return std::forward<Awaitable>(awaitable);
  }
}

// Tells the thread that waits for a task. It may be gone as soon as the lock is.
struct Signal {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t is_set_changed = PTHREAD_COND_INITIALIZER;
  bool is_set = false;

  void Set() {
    pthread_mutex_lock(&mutex);
    is_set = true;
    pthread_cond_signal(&is_set_changed);
    pthread_mutex_unlock(&mutex);
  }
  void Wait() {
    pthread_mutex_lock(&mutex);
    while (!is_set) pthread_cond_wait(&is_set_changed, &mutex);
    pthread_mutex_unlock(&mutex);
  }
};

// What a coroutine keeps of its context. While it runs, its context is the thread's; while it is
// suspended, `context_` is what was current in it.
class TaskContext {
 public:
  // It runs on the calling thread from here on; until Leave.
  void Enter() noexcept { scope_.emplace(span_.handle(), Context(context_)); }
  void Leave() noexcept {
    context_ = sluice_context_current();
    scope_.reset();
  }

  // Before it starts: where nothing else was said it belongs where it is awaited.
  void Inherit() noexcept {
    if (!is_given_) context_ = sluice_context_current();
  }
  void Give(const Context& context) noexcept {
    context_ = context.raw();
    is_given_ = true;
  }
  void Give(Span span) noexcept {
    Give(span.context());
    span_ = std::move(span);
  }

  void Fail() noexcept {
#ifdef __cpp_exceptions
    if (span_) span_.RecordError(DescribeCurrent());
#endif
  }
  void End() noexcept { span_.End(); }

 private:
  sluice_context context_ = {};
  bool is_given_ = false;
  Span span_;
  std::optional<SpanScope> scope_;
};

class TaskPromiseBase {
 public:
  // Around each suspension.
  template <typename Awaiter>
  struct Suspension {
    Awaiter awaiter;
    TaskContext* context;
    bool is_suspended = false;

    bool await_ready() { return awaiter.await_ready(); }
    template <typename Promise>
    auto await_suspend(std::coroutine_handle<Promise> coroutine) {
      is_suspended = true;
      // Another thread may resume it before the next line has ended.
      context->Leave();
#ifdef __cpp_exceptions
      try {
        return awaiter.await_suspend(coroutine);
      } catch (...) {
        // It is not suspended: its body goes on with the exception.
        context->Enter();
        throw;
      }
#else
      return awaiter.await_suspend(coroutine);
#endif
    }
    decltype(auto) await_resume() {
      if (is_suspended) context->Enter();
      return awaiter.await_resume();
    }
  };
  template <typename Awaitable>
  auto await_transform(Awaitable&& awaitable) {
    using Awaiter = decltype(AwaiterOf(std::forward<Awaitable>(awaitable)));
    return Suspension<Awaiter>{AwaiterOf(std::forward<Awaitable>(awaitable)), &context_};
  }

  // The context is entered when the body begins, left when it is suspended for good.
  auto initial_suspend() noexcept {
    struct Start : std::suspend_always {
      TaskContext* context;
      void await_resume() const noexcept { context->Enter(); }
    };
    return Start{{}, &context_};
  }
  auto final_suspend() noexcept {
    struct Finish {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
        const std::coroutine_handle<> next = promise->continuation_;
        Signal* const signal = promise->signal_;
        promise->context_.Leave();
        promise->context_.End();
        if (signal != nullptr) signal->Set();
        return next ? next : std::noop_coroutine();
      }
      void await_resume() const noexcept {}
      TaskPromiseBase* promise;
    };
    return Finish{this};
  }
  void unhandled_exception() noexcept {
    exception_ = std::current_exception();
    context_.Fail();
  }

  TaskContext& context() { return context_; }
  void set_continuation(std::coroutine_handle<> next) { continuation_ = next; }
  void set_signal(Signal* signal) { signal_ = signal; }

 protected:
  void Rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  TaskContext context_;
  std::coroutine_handle<> continuation_;
  Signal* signal_ = nullptr;
  std::exception_ptr exception_;
};

}  // namespace internal
}  // namespace sluice
