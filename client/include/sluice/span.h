// Spans: an operation with a start and an end.
//
//   sluice::Span span("provision.user", {{"user", name}});
//   span.AddEvent("home created");
#pragma once

#include <optional>
#include <string_view>

#include "sluice/span_ref.h"
#include "sluice/unwinding.h"

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
  // The module that speaks, e.g. "app::db"; filters match its prefixes. Default: the program's file
  // name.
  std::string_view target = {};
  Level level = Level::kInfo;
  SpanKind kind = SpanKind::kInternal;
  std::optional<Context> parent = {};  // default: the calling thread's; Context(): a new trace
  UnixTime start = {};
  const sluice_source* source = nullptr;  // &SLUICE_HERE, of macros.h
};

// Ends when destroyed; as failed, where an exception unwinds it and no status was set: a destructor
// does not see which. InScope, and the coroutines of coroutine.h, keep the exception's text.
//
// A span that is left out, since nobody wants it or too many are open, has the context of its
// parent: what is below it, and its own events, belong there.
class [[nodiscard]] Span : public SpanRef {
 public:
  // None: every call on it does nothing.
  Span() noexcept : exceptions_(0) {}

  // The calling thread's current span until its end. It ends on the thread that it began on.
  explicit Span(std::string_view name, const Attributes& attributes = {},
                const SpanOptions& options = {}) noexcept
      : Span(name, attributes, options, false) {}

  // Likewise, but no thread's current span: for coroutines, and for work that ends on another
  // thread. Enter, InScope and ContextScope(span.context()) make it current for a while.
  static Span Detached(std::string_view name, const Attributes& attributes = {},
                       const SpanOptions& options = {}) noexcept {
    return Span(name, attributes, options, true);
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
    if (internal::UncaughtExceptions() > exceptions_) {
      sluice_span_set_status(handle_, SLUICE_UNWOUND, sluice_str("unwound by an exception"));
    }
    End();
  }

  void End() noexcept { sluice_span_end(Release()); }
  void End(UnixTime time) noexcept { sluice_span_end_at(Release(), time.ns); }

  // As SpanRef's, which know nothing of a span that is left out.
  void AddEvent(std::string_view message, const Attributes& attributes = {},
                const EventOptions& options = {}) noexcept {
    if (!left_out_) return SpanRef::AddEvent(message, attributes, options);
    EventOptions around = options;
    if (!around.context) around.context = left_out_->parent;
    if (around.target.empty()) around.target = left_out_->Target();
    Event(message, attributes, around);
  }
  void RecordError(const auto& error) noexcept {
    SLUICE_INTERNAL_TRY { RecordError(internal::Describe(error)); }
    SLUICE_INTERNAL_CATCH_ALL {}
  }
  void RecordError(const internal::ErrorText& error) noexcept {
    if (!left_out_) return SpanRef::RecordError(error);
    AddEvent("exception",
             {{"exception.type", error.type.view()}, {"exception.message", error.message.view()}},
             {.level = Level::kError});
  }
  Context context() const noexcept { return left_out_ ? left_out_->parent : SpanRef::context(); }
  SpanScope Enter() const noexcept { return SpanScope(handle_, context()); }
  template <typename Function>
  decltype(auto) InScope(Function&& f) {
    return RunIn(context(), std::forward<Function>(f));
  }

 private:
  // What is kept of a span that is left out.
  struct LeftOut {
    Context parent;
    char target[64];  // its beginning
    size_t target_size;

    std::string_view Target() const { return {target, target_size}; }
  };

  Span(std::string_view name, const Attributes& attributes, const SpanOptions& options,
       bool is_detached) noexcept {
    const sluice_span_options raw = {.size = sizeof(raw),
                                     .target = Attribute::Text(options.target),
                                     .level = static_cast<sluice_level>(options.level),
                                     .kind = static_cast<sluice_span_kind>(options.kind),
                                     .parent = options.parent ? &options.parent->raw() : nullptr,
                                     .is_detached = is_detached,
                                     .attributes = attributes.raw(),
                                     .attribute_count = attributes.size(),
                                     .start_unix_ns = options.start.ns,
                                     .trace_id = nullptr,
                                     .span_id = nullptr,
                                     .source = options.source,
                                     .links = nullptr,
                                     .link_count = 0,
                                     .outcome = nullptr};
    handle_ = sluice_span_start(Attribute::Text(name), &raw);
    if (handle_ == 0) LeaveOut(options);
  }
  Span(const Span&) = default;
  Span& operator=(const Span&) = default;

  void LeaveOut(const SpanOptions& options) noexcept {
    left_out_ = LeftOut{options.parent.value_or(Context::Current()), {}, 0};
    left_out_->target_size = options.target.copy(left_out_->target, sizeof(left_out_->target));
  }

  sluice_span Release() noexcept { return std::exchange(handle_, 0); }

  unsigned exceptions_ = internal::UncaughtExceptions();
  std::optional<LeftOut> left_out_;
};

}  // namespace sluice
