#include "client/cli/emit/span_reporter.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/propagation.h"

namespace sluice::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint64_t kFirstSequence = 1;
// Between attempts while nobody listens.
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1'000};

}  // namespace

SpanReporter::SpanReporter(Options options, SpanStart start)
    : options_(std::move(options)),
      start_(std::move(start)),
      client_id_(NewClientId()),
      ended_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

SpanReporter::~SpanReporter() {
  if (thread_.joinable()) thread_.join();
}

void SpanReporter::WaitForStart(rpc::Deadline deadline) {
  std::unique_lock lock(mutex_);
  tried_.wait_until(lock, deadline, [this] { return is_tried_; });
}

rpc::Status SpanReporter::End(SpanEnd end, rpc::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
    deadline_ = deadline;
  }
  eventfd_write(ended_event_.get(), 1);
  ended_.notify_one();
  thread_.join();
  return status_;
}

void SpanReporter::Run() {
  SendStart();
  WaitForEnd(milliseconds::max());
  SendEnd();
}

// A call to an agent that hangs, or is not up yet while its socket is, is not given up before the
// end: the socket holds the request.
void SpanReporter::SendStart() {
  sent_start_ = EncodeSpanStart(start_);
  const std::string request =
      EncodeEmitRequest(client_id_, kFirstSequence, {&sent_start_, 1}, options_.resource);
  const bool is_cancellable = ended_event_.get() >= 0;
  for (milliseconds backoff = kFirstPause;; backoff = std::min(2 * backoff, kLongestPause)) {
    const rpc::Status status =
        EmitOnce(options_.socket, request,
                 is_cancellable ? rpc::Deadline::max() : steady_clock::now() + kEmitTimeout,
                 ended_event_.get());
    start_acknowledged_ = status.ok();
    TellTried();
    const auto pause = PauseBeforeRetry(status);
    const bool is_final = status.outcome == rpc::Outcome::kStatus && !pause;
    if (status.ok() || is_final) return;
    if (WaitForEnd(std::max(backoff, pause.value_or(milliseconds(0))))) return;
  }
}

void SpanReporter::TellTried() {
  {
    const std::lock_guard lock(mutex_);
    is_tried_ = true;
  }
  tried_.notify_one();
}

// False: `time` passed first.
bool SpanReporter::WaitForEnd(milliseconds time) {
  std::unique_lock lock(mutex_);
  const auto has_ended = [this] { return end_.has_value(); };
  if (time != milliseconds::max()) return ended_.wait_for(lock, time, has_ended);
  ended_.wait(lock, has_ended);
  return true;
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
