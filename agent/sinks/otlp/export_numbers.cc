#include "agent/sinks/otlp/export_numbers.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::otlp {

ExportNumbers::ExportNumbers(std::string sink, Counters* counters, const Clock* clock)
    : sink_(std::move(sink)), counters_(counters), clock_(clock) {
  MutexLock lock(&mutex_);
  for (const char* const name : kSignalNames) status_.signals.emplace_back().name = name;
}

void ExportNumbers::Sent(Signal signal, uint64_t count, uint64_t rejected) {
  const std::string signal_of_sink = absl::StrCat(sink_, " ", NameOf(signal));
  counters_->Add("otlp.sent", signal_of_sink, {}, count);
  if (rejected > 0) counters_->Add("otlp.rejected_by_peer", signal_of_sink, {}, rejected);
  MutexLock lock(&mutex_);
  of(signal).sent += count;
  of(signal).rejected += rejected;
  of(signal).is_off = false;
}

void ExportNumbers::Dropped(Signal signal, absl::string_view reason, uid_t uid, uint64_t count) {
  counters_->Add("otlp.dropped", reason, uid, count);
  MutexLock lock(&mutex_);
  of(signal).dropped[std::string(reason)] += count;
}

void ExportNumbers::SetOff(Signal signal, bool is_off) {
  MutexLock lock(&mutex_);
  of(signal).is_off = is_off;
}

void ExportNumbers::SetMaxRequestBytes(uint64_t bytes) {
  MutexLock lock(&mutex_);
  status_.max_request_bytes = bytes;
}

void ExportNumbers::SetLastMessage(std::string message) {
  MutexLock lock(&mutex_);
  status_.last_message = std::move(message);
  status_.last_message_unix_nano = clock_->UnixNano();
}

sinks::ExportStatus ExportNumbers::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

}  // namespace sluice::otlp
