// Where in which trace a piece of work belongs, carried over threads, coroutines and processes.
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

// A plain value. Default: outside any span.
class Context {
 public:
  Context() = default;
  explicit Context(const sluice_context& raw) noexcept : raw_(raw) {}

  // The calling thread's.
  static Context Current() noexcept { return Context(sluice_context_current()); }
  // From W3C header texts; none where `traceparent` is malformed.
  static Context Extract(std::string_view traceparent, std::string_view tracestate = {}) noexcept {
    Context context;
    sluice_context_extract(Attribute::Text(traceparent), Attribute::Text(tracestate),
                           &context.raw_);
    return context;
  }

  // What the next process needs to go on with this trace.
  Traceparent InjectTraceparent() const noexcept {
    Traceparent traceparent;
    sluice_context_traceparent(&raw_, traceparent.text);
    return traceparent;
  }
  std::string_view InjectTracestate() const noexcept {
    const sluice_text text = sluice_context_tracestate(&raw_);
    return {text.data, text.size};
  }

  const sluice_context& raw() const { return raw_; }

 private:
  sluice_context raw_ = {};
};

// Makes a context the calling thread's as long as it lives. A coroutine makes one after each
// resumption; a pool's thread makes one around each task.
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
