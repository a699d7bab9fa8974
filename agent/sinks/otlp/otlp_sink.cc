#include "agent/sinks/otlp/otlp_sink.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace sluice::otlp {
namespace {

// While the sink is behind, a request takes so many records, bytes permitting.
constexpr uint32_t kBehindRecords = 8192;

}  // namespace

OtlpSink::OtlpSink(Options options, std::unique_ptr<Transport> transport)
    : options_(std::move(options)),
      transport_(std::move(transport)),
      numbers_(options_.name, options_.counters, options_.clock),
      assembler_({.numbers = &numbers_,
                  .host = options_.host,
                  .signals = options_.settings.signals,
                  .level_attribute = options_.settings.level_attribute,
                  .events = options_.settings.events,
                  .sample = options_.settings.sample,
                  .counters = options_.counters,
                  .clock = options_.clock},
                 &outgoing_),
      exporter_(transport_.get(), &numbers_,
                {.max_request_bytes = options_.settings.batch_bytes,
                 .drops_refused = options_.settings.on_refused == OnRefused::kDrop,
                 .clock = options_.clock}) {}

sinks::SinkPolicy OtlpSink::policy() const {
  const OtlpSettings& settings = options_.settings;
  sinks::SinkPolicy policy;
  // Below what a request may take, so that the last record as a rule fits in and one commit is one
  // request.
  policy.commit_bytes = settings.batch_bytes / 8 * 7;
  policy.commit_records = std::max(kBehindRecords, settings.batch_records);
  policy.longest_wait = settings.batch_delay;
  policy.enough_records = settings.batch_records;
  return policy;
}

void OtlpSink::Add(const stream::Delivery& delivery) {
  assembler_.ReleaseOld();
  assembler_.Add(delivery);
}

// What has become old is pending then, and the worker sees that.
bool OtlpSink::OnIdle() {
  assembler_.ReleaseOld();
  return false;
}

absl::Status OtlpSink::Commit() {
  absl::Status status = exporter_.Export(outgoing_);
  if (!status.ok()) return status;
  outgoing_.Clear();
  assembler_.OnCleared();
  return status;
}

absl::Status OtlpSink::Sync() {
  const Answer answer = transport_->Sync();
  return answer.kind == Answer::Kind::kDone ? absl::OkStatus()
                                            : absl::UnavailableError(answer.message);
}

void OtlpSink::Reopen() {
  transport_->Reopen();
  exporter_.TryAllSignals();
}

int OtlpSink::retry_fd() const { return exporter_.may_retry_early() ? transport_->retry_fd() : -1; }

}  // namespace sluice::otlp
