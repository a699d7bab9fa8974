// Where in which trace a piece of work belongs, and the baggage that travels with it: over threads,
// coroutines and processes.
#pragma once

#include <string_view>

#include "sluice/attribute.h"

namespace sluice {

// `traceparent` as text, 55 characters; empty for no context.
struct Traceparent {
  char text[SLUICE_TRACEPARENT_SIZE] = "";

  const char* c_str() const { return text; }
  operator std::string_view() const { return text; }
};

// A plain value. Default: outside any span, without baggage.
class Context {
 public:
  Context() = default;
  explicit Context(const sluice_context& raw) noexcept : raw_(raw) {}

  // The calling thread's.
  static Context Current() noexcept { return Context(sluice_context_current()); }
  // From W3C header texts; outside any span where `traceparent` is malformed.
  static Context Extract(std::string_view traceparent, std::string_view tracestate = {},
                         std::string_view baggage = {}) noexcept {
    Context context;
    sluice_context_extract(Attribute::Text(traceparent), Attribute::Text(tracestate),
                           &context.raw_);
    if (!baggage.empty()) {
      sluice_context_extract_baggage(Attribute::Text(baggage), &context.raw_);
    }
    return context;
  }

  // What the next process needs to go on with this trace: values of the W3C headers of these names,
  // or of TRACEPARENT, TRACESTATE and BAGGAGE in its environment. Baggage is valid until the
  // calling thread asks for some again.
  Traceparent InjectTraceparent() const noexcept {
    Traceparent traceparent;
    sluice_context_traceparent(&raw_, traceparent.text);
    return traceparent;
  }
  std::string_view InjectTracestate() const noexcept {
    return View(sluice_context_tracestate(&raw_));
  }
  std::string_view InjectBaggage() const noexcept {
    return View(sluice_context_baggage_header(&raw_));
  }

  // This context with an own name and value, as baggage.h says. It concerns the spans that start
  // under it: `const ContextScope scope(Context::Current().WithBaggage("run_id", id));`
  Context WithBaggage(std::string_view key, std::string_view value) const noexcept {
    const sluice_text text = value.data() == nullptr ? sluice_str("") : Attribute::Text(value);
    return Context(sluice_context_with_baggage(&raw_, Attribute::Text(key), text));
  }
  Context WithoutBaggage(std::string_view key) const noexcept {
    return Context(sluice_context_with_baggage(&raw_, Attribute::Text(key), {}));
  }
  // Empty for none. Valid as InjectBaggage's.
  std::string_view Baggage(std::string_view key) const noexcept {
    return View(sluice_context_baggage(&raw_, Attribute::Text(key)));
  }

  const sluice_context& raw() const { return raw_; }

 private:
  static std::string_view View(const sluice_text& text) { return {text.data, text.size}; }

  sluice_context raw_ = {};
};

// Makes a context the calling thread's as long as it lives: around a task in a pool's thread, or
// between two suspensions of a coroutine. Not across a co_await, after which another thread may go
// on: see coroutine.h.
class [[nodiscard]] ContextScope {
 public:
  explicit ContextScope(const Context& context) noexcept
      : before_(sluice_context_attach(&context.raw())) {}
  ~ContextScope() { sluice_context_attach(&before_); }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  sluice_context before_;
};

}  // namespace sluice
