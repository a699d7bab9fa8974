// The C interface: defaults filled in, everything passed on.
#include "client/include/sluice/sluice.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "client/src/baggage_store.h"
#include "client/src/given_attributes.h"
#include "client/src/process.h"
#include "client/src/thread_state.h"
#include "client/src/trace_text.h"
#include "client/src/tracestate_store.h"
#include "client/src/wanted_levels.h"
#include "proto/trace/baggage.h"

using sluice::Process;
using sluice::View;

namespace {

// The options as this version knows them: those of a program built against an older one are
// shorter.
template <typename Options>
class KnownOptions {
 public:
  explicit KnownOptions(const Options* given) : options_(given) {
    if (given != nullptr && given->size >= sizeof(Options)) [[likely]]
      return;
    std::memset(static_cast<void*>(&copy_), 0, sizeof(copy_));
    if (given != nullptr) std::memcpy(static_cast<void*>(&copy_), given, given->size);
    options_ = &copy_;
  }
  KnownOptions(const KnownOptions&) = delete;
  KnownOptions& operator=(const KnownOptions&) = delete;

  const Options& operator*() const { return *options_; }

 private:
  const Options* options_;
  Options copy_;  // set where it is used
};

sluice::Level LevelOf(sluice_level level) {
  return level == 0 ? sluice::Level::kInfo : static_cast<sluice::Level>(level);
}

sluice_span WithoutMemory(const sluice_span_options* options) {
  const KnownOptions known(options);
  if ((*known).outcome != nullptr) *(*known).outcome = SLUICE_NO_MEMORY;
  return 0;
}

// Whether anybody wants a span or event of these options.
template <typename Options>
bool IsOfUse(const void* asked) {
  const auto& options = *static_cast<const Options*>(asked);
  const sluice::Recorder& recorder = Process::Existing()->recorder();
  return recorder.IsOfUse(LevelOf(options.level), recorder.TargetOf(options.target));
}

// Use(AttributeList) of what is handed over with one, once.
template <typename Options, typename Use>
void WithAttributes(const Options& options, Use use) {
  const sluice::AttributeList list = {options.attributes, options.attribute_count};
  if (options.source == nullptr && sluice::ArePlain(list)) [[likely]]
    return use(list);
  sluice::WithResolvedAttributes(
      {list.items, list.count, options.source, IsOfUse<Options>, &options}, use);
}

void EndSpan(sluice_span span, uint64_t unix_ns) {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  process->recorder().EndSpan(span, unix_ns);
  process->Notify();
}

}  // namespace

extern "C" {

sluice_context sluice_context_current(void) noexcept {
  Process* const process = Process::Get();
  return process == nullptr ? sluice_context{} : process->recorder().CurrentContext();
}

sluice_context sluice_context_attach(const sluice_context* context) noexcept {
  const sluice_context before = sluice::thread_state.current;
  sluice::thread_state.current = context == nullptr ? sluice_context{} : *context;
  return before;
}

int sluice_context_extract(sluice_text traceparent, sluice_text tracestate,
                           sluice_context* context) noexcept {
  return sluice::ExtractContext(View(traceparent), View(tracestate), context) ? 0 : -1;
}

int sluice_context_traceparent(const sluice_context* context,
                               char text[SLUICE_TRACEPARENT_SIZE]) noexcept {
  Process* const process = Process::Get();
  if (process != nullptr && context->span != 0) {
    process->recorder().Publish(context->span);
    process->Notify();
  }
  return sluice::InjectContext(*context, text) ? 0 : -1;
}

sluice_text sluice_context_tracestate(const sluice_context* context) noexcept {
  const std::string_view text = sluice::TracestateText(context->trace_state);
  return {text.data(), text.size()};
}

sluice_context sluice_context_with_baggage(const sluice_context* context, sluice_text key,
                                           sluice_text value) noexcept {
  sluice_context changed = context == nullptr ? sluice_context{} : *context;
  // It knows which keys become attributes.
  if (Process::Get() == nullptr) return changed;
  changed.baggage = sluice::ChangeBaggage(changed.baggage, View(key), View(value));
  return changed;
}

sluice_text sluice_context_baggage(const sluice_context* context, sluice_text key) noexcept try {
  for (const auto& member : sluice::ParseBaggage(sluice::BaggageText(context->baggage))) {
    if (member.key == View(key)) return sluice::KeepText(member.value);
  }
  return {};
} catch (const std::bad_alloc&) {
  return {};
}

sluice_text sluice_context_baggage_header(const sluice_context* context) noexcept {
  return context->baggage == 0 ? sluice_text{}
                               : sluice::KeepText(sluice::BaggageText(context->baggage));
}

int sluice_context_extract_baggage(sluice_text header, sluice_context* context) noexcept try {
  if (Process::Get() == nullptr) return -1;
  context->baggage = sluice::InternBaggage(sluice::ParseBaggage(View(header)));
  return context->baggage != 0 ? 0 : -1;
} catch (const std::bad_alloc&) {
  context->baggage = 0;
  return -1;
}

// Flattened, as the end of a span is, since a span's cost is that of its calls.
[[gnu::flatten]] sluice_span sluice_span_start(sluice_text name,
                                               const sluice_span_options* options) noexcept {
  Process* const process = Process::Get();
  if (process == nullptr) return WithoutMemory(options);
  const KnownOptions known(options);
  uint64_t span = 0;
  WithAttributes(*known, [&](sluice::AttributeList attributes) {
    span = process->recorder().StartSpan(View(name), *known, attributes);
  });
  process->Notify();
  return span;
}

void sluice_span_set_attributes(sluice_span span, const sluice_attribute* attributes,
                                size_t count) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  sluice::WithAttributes({attributes, count}, [&](sluice::AttributeList list) {
    process->recorder().SetAttributes(span, list);
  });
  process->Notify();
}

void sluice_span_set_status(sluice_span span, sluice_status status, sluice_text message) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  process->recorder().SetStatus(span, status, View(message));
  process->Notify();
}

void sluice_span_add_link(sluice_span span, const sluice_link* link) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  sluice::WithAttributes(
      {link->attributes, link->attribute_count}, [&](sluice::AttributeList list) {
        process->recorder().AddLink(span, {link->context, list.items, list.count});
      });
  process->Notify();
}

void sluice_span_set_name(sluice_span span, sluice_text name) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  process->recorder().SetName(span, View(name));
  process->Notify();
}

void sluice_span_add_busy(sluice_span span, uint64_t ns) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process != nullptr) process->recorder().AddBusy(span, ns);
}

void sluice_span_record_error(sluice_span span, const sluice_error* error) noexcept {
  if (span == 0) return;
  const KnownOptions known(error);
  const auto& [size, type, message, stacktrace, keeps_status] = *known;
  const sluice_attribute attributes[] = {
      {.key = sluice_str("exception.type"), .type = SLUICE_STRING, .value = {.text = type}},
      {.key = sluice_str("exception.message"), .type = SLUICE_STRING, .value = {.text = message}},
      {.key = sluice_str("exception.stacktrace"),
       .type = SLUICE_STRING,
       .value = {.text = stacktrace}}};
  sluice_event_options options = {};
  options.size = sizeof(options);
  options.level = SLUICE_ERROR;
  options.attributes = attributes;
  options.attribute_count = stacktrace.size == 0 ? 2 : 3;
  sluice_span_event(span, sluice_str("exception"), &options);
  if (keeps_status != 0) return;
  sluice_span_set_status(span, SLUICE_FAILED, message.size != 0 ? message : type);
}

[[gnu::flatten]] void sluice_span_end(sluice_span span) noexcept { EndSpan(span, 0); }

void sluice_span_end_at(sluice_span span, uint64_t unix_ns) noexcept { EndSpan(span, unix_ns); }

sluice_context sluice_span_context(sluice_span span) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  return process == nullptr ? sluice_context{} : process->recorder().ContextOf(span);
}

void sluice_event(sluice_text message, const sluice_event_options* options) noexcept {
  Process* const process = Process::Get();
  if (process == nullptr) return;
  const KnownOptions known(options);
  WithAttributes(*known, [&](sluice::AttributeList attributes) {
    process->recorder().EmitEvent(View(message), *known, attributes);
  });
  process->Notify();
}

void sluice_span_event(sluice_span span, sluice_text message,
                       const sluice_event_options* options) noexcept {
  Process* const process = Process::Get();
  if (process == nullptr) return;
  const KnownOptions known(options);
  WithAttributes(*known, [&](sluice::AttributeList attributes) {
    if (process->recorder().EmitSpanEvent(span, View(message), *known, attributes)) return;
    process->recorder().EmitEvent(View(message), *known, attributes);
  });
  process->Notify();
}

int sluice_enabled(sluice_level level, sluice_text target) noexcept {
  if (sluice::IsWanted(static_cast<sluice::Level>(level), View(target))) return 1;
  Process* const process = Process::Existing();
  return process != nullptr &&
         process->recorder().IsPrinted(static_cast<sluice::Level>(level), View(target));
}

void sluice_on_wanted_change(void (*changed)(void* user), void* user) noexcept {
  sluice::OnWantedChange(changed, user);
}

int sluice_init(const sluice_options* options) noexcept {
  const KnownOptions known(options);
  return Process::Init(*known) ? 0 : -1;
}

int sluice_flush(uint32_t timeout_ms) noexcept {
  Process* const process = Process::Existing();
  if (process == nullptr) return 0;
  const std::chrono::milliseconds timeout(timeout_ms);
  return process->Flush(timeout, sluice::Sender::Patience::kUntilDeadline) ? 0 : -1;
}

int sluice_flush_sinks(const sluice_text* sinks, size_t count, uint32_t timeout_ms,
                       sluice_laggard told, void* user) noexcept {
  Process* const process = Process::Existing();
  if (process == nullptr) return 0;
  return process->FlushSinks({{sinks, count}, std::chrono::milliseconds(timeout_ms), told, user});
}

void sluice_read_stats(sluice_stats* stats) noexcept {
  const Process* const process = Process::Existing();
  sluice_stats now = process == nullptr ? sluice_stats{} : process->Stats();
  now.size = std::min(stats->size, sizeof(now));
  std::memcpy(stats, &now, now.size);
}

}  // extern "C"
