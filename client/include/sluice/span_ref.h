// What can be said of a span, whoever holds it.
#pragma once

#include <time.h>

#include <string_view>
#include <type_traits>
#include <utility>

#include "sluice/attribute.h"
#include "sluice/context.h"
#include "sluice/error.h"
#include "sluice/event.h"

namespace sluice {

class SpanScope;

// A span that somebody else holds and ends: a plain value, good for nothing once the span has
// ended. Thread-safe.
class SpanRef {
 public:
  // None: every call on it does nothing.
  SpanRef() = default;
  explicit SpanRef(sluice_span handle) noexcept : handle_(handle) {}

  // The calling thread's.
  static SpanRef Current() noexcept { return SpanRef(sluice_context_current().span); }

  // A key set twice has its last value.
  void SetAttribute(std::string_view key, const auto& value) noexcept {
    const Attribute attribute(key, value);
    SetAttributes({&attribute, 1});
  }
  void SetAttributes(const Attributes& attributes) noexcept {
    sluice_span_set_attributes(handle_, attributes.raw(), attributes.size());
  }

  // Another span that has to do with this one.
  void AddLink(const Context& context, const Attributes& attributes = {}) noexcept {
    const sluice_link link = {context.raw(), attributes.raw(), attributes.size()};
    sluice_span_add_link(handle_, &link);
  }
  // The last name counts.
  void Rename(std::string_view name) noexcept {
    sluice_span_set_name(handle_, Attribute::Text(name));
  }

  // The last status counts.
  void Succeed() noexcept { sluice_span_set_status(handle_, SLUICE_OK, {}); }
  void Fail(std::string_view why) noexcept {
    sluice_span_set_status(handle_, SLUICE_FAILED, Attribute::Text(why));
  }

  // An event in this span, with its target unless options name another.
  void AddEvent(std::string_view message, const Attributes& attributes = {},
                const EventOptions& options = {}) noexcept {
    const sluice_event_options raw = internal::Raw(options, attributes);
    sluice_span_event(handle_, Attribute::Text(message), &raw);
  }

  // An event `exception` with type and message; the span fails by it. `error` is an exception, a
  // std::error_code, a status, or anything that has a text.
  void RecordError(const auto& error) noexcept {
    SLUICE_INTERNAL_TRY { RecordError(internal::Describe(error)); }
    SLUICE_INTERNAL_CATCH_ALL {}
  }
  void RecordError(const internal::ErrorText& error) noexcept {
    sluice_error raw = {};
    raw.size = sizeof(raw);
    raw.type = Attribute::Text(error.type.view());
    raw.message = Attribute::Text(error.message.view());
    sluice_span_record_error(handle_, &raw);
  }

  // Keeps what came out of an operation, which it returns as it was: `return span.Record(Load());`.
  // The value becomes the attribute `key`; the error of a status, StatusOr, expected or error_code
  // is recorded as one. A result without value, and a success without one, say nothing.
  template <typename Result>
  Result&& Record(Result&& result, std::string_view key = "return") noexcept {
    using Plain = std::remove_cvref_t<Result>;
    if constexpr (internal::StatusResult<Plain>) {
      result.ok() ? SetAttribute(key, *result) : RecordError(result.status());
    } else if constexpr (internal::StatusLike<Plain>) {
      if (!result.ok()) RecordError(result);
    } else if constexpr (internal::Expected<Plain>) {
      if (!result.has_value()) {
        RecordError(result.error());
      } else if constexpr (requires { requires !std::is_void_v<decltype(*result)>; }) {
        SetAttribute(key, *result);
      }
    } else if constexpr (internal::ErrorCode<Plain>) {
      if (result) RecordError(result);
    } else {
      SetAttribute(key, result);
    }
    return std::forward<Result>(result);
  }

  // Makes it current on the calling thread for as long as the guard lives; that time counts as
  // busy. Not across a co_await: see coroutine.h.
  SpanScope Enter() const noexcept;
  // f() within the span. What it throws is recorded as the span's error, and goes on.
  template <typename Function>
  decltype(auto) InScope(Function&& f) {
    return RunIn(context(), std::forward<Function>(f));
  }

  Context context() const noexcept { return Context(sluice_span_context(handle_)); }
  sluice_span handle() const noexcept { return handle_; }
  // False for none, and for one that is left out.
  explicit operator bool() const { return handle_ != 0; }

 protected:
  template <typename Function>
  decltype(auto) RunIn(const Context& context, Function&& f);

  sluice_span handle_ = 0;
};

// Made by SpanRef::Enter.
class [[nodiscard]] SpanScope {
 public:
  SpanScope(sluice_span span, const Context& context) noexcept
      : span_(span), scope_(context), entered_(Now()) {}
  ~SpanScope() { sluice_span_add_busy(span_, Now() - entered_); }
  SpanScope(const SpanScope&) = delete;
  SpanScope& operator=(const SpanScope&) = delete;

 private:
  static uint64_t Now() noexcept {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  }

  const sluice_span span_;
  const ContextScope scope_;
  const uint64_t entered_;
};

inline SpanScope SpanRef::Enter() const noexcept { return SpanScope(handle_, context()); }

template <typename Function>
decltype(auto) SpanRef::RunIn(const Context& context, Function&& f) {
  const SpanScope scope(handle_, context);
#ifdef __cpp_exceptions
  try {
    return std::forward<Function>(f)();
  } catch (...) {
    RecordError(internal::DescribeCurrent());
    throw;
  }
#else
  return std::forward<Function>(f)();
#endif
}

}  // namespace sluice
