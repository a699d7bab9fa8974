// The C interface: defaults filled in, everything passed on.
#include "client/include/sluice/sluice.h"

#include <algorithm>
#include <cstring>

#include "client/src/process.h"
#include "client/src/thread_state.h"
#include "client/src/trace_text.h"
#include "client/src/tracestate_store.h"
#include "client/src/wanted_levels.h"

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

sluice_span sluice_span_start(sluice_text name, const sluice_span_options* options) noexcept {
  Process* const process = Process::Get();
  if (process == nullptr) return 0;
  const KnownOptions known(options);
  const uint64_t span = process->recorder().StartSpan(View(name), *known);
  process->Notify();
  return span;
}

void sluice_span_set_attributes(sluice_span span, const sluice_attribute* attributes,
                                size_t count) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  process->recorder().SetAttributes(span, {attributes, count});
  process->Notify();
}

void sluice_span_set_status(sluice_span span, sluice_status status, sluice_text message) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  process->recorder().SetStatus(span, status, View(message));
  process->Notify();
}

void sluice_span_end(sluice_span span) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  if (process == nullptr) return;
  process->recorder().EndSpan(span);
  process->Notify();
}

sluice_context sluice_span_context(sluice_span span) noexcept {
  Process* const process = span == 0 ? nullptr : Process::Get();
  return process == nullptr ? sluice_context{} : process->recorder().ContextOf(span);
}

void sluice_event(sluice_text message, const sluice_event_options* options) noexcept {
  Process* const process = Process::Get();
  if (process == nullptr) return;
  const KnownOptions known(options);
  process->recorder().EmitEvent(View(message), *known);
  process->Notify();
}

void sluice_span_event(sluice_span span, sluice_text message,
                       const sluice_event_options* options) noexcept {
  Process* const process = Process::Get();
  if (process == nullptr) return;
  const KnownOptions known(options);
  if (!process->recorder().EmitSpanEvent(span, View(message), *known)) {
    process->recorder().EmitEvent(View(message), *known);
  }
  process->Notify();
}

int sluice_enabled(sluice_level level, sluice_text target) noexcept {
  if (sluice::IsWanted(static_cast<sluice::Level>(level), View(target))) return 1;
  Process* const process = Process::Existing();
  return process != nullptr &&
         process->recorder().IsPrinted(static_cast<sluice::Level>(level), View(target));
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

void sluice_read_stats(sluice_stats* stats) noexcept {
  const Process* const process = Process::Existing();
  sluice_stats now = process == nullptr ? sluice_stats{} : process->Stats();
  now.size = std::min(stats->size, sizeof(now));
  std::memcpy(stats, &now, now.size);
}

}  // extern "C"
