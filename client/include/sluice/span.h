// Spans: an operation with a start and an end.
//
//   sluice::Span span("provision.user", {{"user", name}});
//   span.AddEvent("home created");
#pragma once

#include <exception>
#include <optional>
#include <string_view>

#include "sluice/attribute.h"
#include "sluice/context.h"
#include "sluice/event.h"

namespace sluice {

// As in OpenTelemetry.
enum class SpanKind {
  kInternal = SLUICE_INTERNAL,
  kServer = SLUICE_SERVER,
  kClient = SLUICE_CLIENT,
  kProducer = SLUICE_PRODUCER,
  kConsumer = SLUICE_CONSUMER
};

struct SpanOptions {
  // The module that speaks, e.g. "app::db"; filters match its prefixes.
  std::string_view target = {};
  Level level = Level::kInfo;
  SpanKind kind = SpanKind::kInternal;
};

// Ends when destroyed; as failed, where an exception unwinds it and no status was set. Thread-safe
// but for moves.
//
// A span that is left out, since nobody wants it or too many are open, has the context of its
// parent: what is below it, and its own events, belong there.
class [[nodiscard]] Span {
 public:
  // None: every call on it does nothing.
  Span() = default;

  // A child of the thread's current span, and itself the current one until its end. It ends on the
  // thread that it began on.
  explicit Span(std::string_view name, const Attributes& attributes = {},
                const SpanOptions& options = {}) noexcept
      : Span(name, attributes, options, Placement{nullptr, 0}) {}

  // A child of `parent` (a new trace where that is none) which becomes no thread's current span:
  // for coroutines, and for work that ends on another thread. ContextScope(span.context()) makes it
  // current for a while.
  static Span Detached(const Context& parent, std::string_view name,
                       const Attributes& attributes = {},
                       const SpanOptions& options = {}) noexcept {
    return Span(name, attributes, options, Placement{&parent.raw(), 1});
  }

  Span(Span&& other) noexcept : Span(static_cast<const Span&>(other)) { other.Release(); }
  Span& operator=(Span&& other) noexcept {
    if (this == &other) return *this;
    End();
    *this = static_cast<const Span&>(other);
    other.Release();
    return *this;
  }
  ~Span() {
    if (handle_ == 0) return;
    if (!has_status_ && std::uncaught_exceptions() > exceptions_) Fail("unwound by an exception");
    End();
  }

  void End() noexcept { sluice_span_end(Release()); }

  // A key set twice has its last value.
  void SetAttribute(const Attribute& attribute) noexcept { SetAttributes({&attribute, 1}); }
  void SetAttribute(std::string_view key, const auto& value) noexcept {
    SetAttribute(Attribute(key, value));
  }
  void SetAttributes(const Attributes& attributes) noexcept {
    sluice_span_set_attributes(handle_, attributes.raw(), attributes.size());
  }

  // The last status counts.
  void Succeed() noexcept { SetStatus(SLUICE_OK, {}); }
  void Fail(std::string_view why) noexcept { SetStatus(SLUICE_FAILED, why); }

  // An event in this span, with its target.
  void AddEvent(std::string_view message, const Attributes& attributes = {},
                Level level = Level::kInfo) noexcept {
    if (left_out_) return Event(left_out_->parent, level, left_out_->Target(), message, attributes);
    const sluice_event_options options = internal::EventOptions(level, {}, attributes);
    sluice_span_event(handle_, Attribute::Text(message), &options);
  }

  Context context() const noexcept {
    return left_out_ ? left_out_->parent : Context(sluice_span_context(handle_));
  }
  // False for none, and for one that is left out.
  explicit operator bool() const { return handle_ != 0; }

 private:
  struct Placement {
    const sluice_context* parent;
    int is_detached;
  };

  // What is kept of a span that is left out.
  struct LeftOut {
    Context parent;
    char target[64];  // its beginning
    size_t target_size;

    std::string_view Target() const { return {target, target_size}; }
  };

  Span(std::string_view name, const Attributes& attributes, const SpanOptions& options,
       Placement placement) noexcept {
    const sluice_span_options raw = {.size = sizeof(raw),
                                     .target = Attribute::Text(options.target),
                                     .level = static_cast<sluice_level>(options.level),
                                     .kind = static_cast<sluice_span_kind>(options.kind),
                                     .parent = placement.parent,
                                     .is_detached = placement.is_detached,
                                     .attributes = attributes.raw(),
                                     .attribute_count = attributes.size()};
    handle_ = sluice_span_start(Attribute::Text(name), &raw);
    if (handle_ == 0) LeaveOut(options.target, placement.parent);
  }
  Span(const Span&) = default;
  Span& operator=(const Span&) = default;

  void LeaveOut(std::string_view target, const sluice_context* parent) noexcept {
    left_out_ = LeftOut{parent != nullptr ? Context(*parent) : Context::Current(), {}, 0};
    left_out_->target_size = target.copy(left_out_->target, sizeof(left_out_->target));
  }

  sluice_span Release() noexcept {
    const sluice_span handle = handle_;
    handle_ = 0;
    return handle;
  }

  void SetStatus(sluice_status status, std::string_view message) noexcept {
    has_status_ = true;
    sluice_span_set_status(handle_, status, Attribute::Text(message));
  }

  sluice_span handle_ = 0;
  bool has_status_ = false;
  int exceptions_ = std::uncaught_exceptions();
  std::optional<LeftOut> left_out_;
};

}  // namespace sluice
