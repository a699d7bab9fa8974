#include "client/cli/emit/span_reporter.h"

#include <utility>
#include <vector>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/propagation.h"

namespace sluice::cli {
namespace {

using std::chrono::steady_clock;

constexpr uint64_t kFirstSequence = 1;

}  // namespace

SpanReporter::SpanReporter(Options options, SpanStart start)
    : options_(std::move(options)),
      start_(std::move(start)),
      client_id_(NewClientId()),
      thread_([this] { Run(); }) {}

SpanReporter::~SpanReporter() {
  if (thread_.joinable()) thread_.join();
}

void SpanReporter::WaitForStart(rpc::Deadline deadline) {
  std::unique_lock lock(mutex_);
  started_.wait_until(lock, deadline, [this] { return is_started_; });
}

rpc::Status SpanReporter::End(SpanEnd end, rpc::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
    deadline_ = deadline;
  }
  ended_.notify_one();
  thread_.join();
  return status_;
}

void SpanReporter::Run() {
  SendStart();
  {
    std::unique_lock lock(mutex_);
    is_started_ = true;
    started_.notify_one();
    ended_.wait(lock, [this] { return end_.has_value(); });
  }
  SendEnd();
}

void SpanReporter::SendStart() {
  sent_start_ = EncodeSpanStart(start_);
  const std::string request =
      EncodeEmitRequest(client_id_, kFirstSequence, {&sent_start_, 1}, options_.resource);
  start_acknowledged_ =
      Emit(options_.socket, request, steady_clock::now() + options_.start_timeout).ok();
}

void SpanReporter::SendEnd() {
  std::vector<std::string> records;
  if (!start_acknowledged_) records.push_back(sent_start_);
  records.push_back(EncodeSpanEnd(start_, *end_));
  const uint64_t sequence = start_acknowledged_ ? kFirstSequence + 1 : kFirstSequence;
  const std::string request = EncodeEmitRequest(client_id_, sequence, records, options_.resource);
  status_ = Emit(options_.socket, request, deadline_);
}

}  // namespace sluice::cli
