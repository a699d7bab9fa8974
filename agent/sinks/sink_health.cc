#include "agent/sinks/sink_health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/log.h"
#include "agent/base/message_ids.h"

namespace sluice::sinks {
namespace {

// Of one call of a sink. The pool's lock is waited for 2 s.
constexpr std::chrono::seconds kLongCall{3};
constexpr std::chrono::seconds kHangingCall{1};

}  // namespace

void SinkHealth::Set(absl::string_view name, absl::string_view error) {
  MutexLock lock(&mutex_);
  state_.name = std::string(name);
  state_.error = std::string(error);
  state_.next_attempt_unix_nano = 0;
}

void SinkHealth::SetNextAttempt(uint64_t due) {
  MutexLock lock(&mutex_);
  state_.next_attempt_unix_nano = clock_->UnixNano() + (due - std::min(due, clock_->BootNano()));
}

void SinkHealth::TellFailure(const absl::Status& error, bool is_last) {
  Set(absl::IsNotFound(error) ? "waiting" : "failing", error.message());
  if (is_last) {
    LogWarning(absl::StrCat("sink ", sink_, ": ", error.message(),
                            "; stopping, what is left stays in the journal"));
  } else if (!std::exchange(is_failing_, true)) {
    LogWarning(absl::StrCat("sink ", sink_, ": ", error.message(), "; trying again"), kSinkFails);
  }
}

void SinkHealth::TellSuccess() {
  Set("ok", "");
  if (std::exchange(is_failing_, false)) LogInfo(absl::StrCat("sink ", sink_, ": writing again"));
}

void SinkHealth::BeginCall() { in_call_since_ = std::max<uint64_t>(clock_->BootNano(), 1); }

std::chrono::nanoseconds SinkHealth::CallLasts(uint64_t earliest) const {
  const uint64_t since = in_call_since_;
  if (since == 0) return {};
  const uint64_t now = clock_->BootNano();
  return std::chrono::nanoseconds(now - std::min(now, std::max(since, earliest)));
}

SinkHealth::State SinkHealth::state() const {
  if (const auto in_call = CallLasts(); in_call >= kLongCall) {
    return {"failing",
            absl::StrCat("its current call takes ",
                         std::chrono::duration_cast<std::chrono::seconds>(in_call).count(),
                         " s so far"),
            0};
  }
  MutexLock lock(&mutex_);
  return state_;
}

bool SinkHealth::is_working() const {
  if (CallLasts() >= kHangingCall) return false;
  MutexLock lock(&mutex_);
  return state_.name == "ok";
}

}  // namespace sluice::sinks
