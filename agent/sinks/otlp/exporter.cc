// Problem: A destination refuses a request because it is away, overloaded or misconfigured, or
// because of one record in it, or because of the request's size, and its answer does not tell these
// apart. What is given up too early is lost; what is never given up blocks all that is behind it.
//
// States: Each signal has a lane with the ranges of records that are left. A range goes out as one
// request, or several if it is too large. What is refused is halved until a single record is. Then
// an empty request asks whether the destination is well: if it is, the record is at fault and is
// dropped; if not, all of it waits. A signal that is not taken while another one is, is off for a
// while.
//
// Invariants:
// * A record leaves its lane only when it is with the destination or counted as dropped.
// * Nothing is dropped unless the destination has taken a request just before; of a signal that is
//   off, when that was turned off. Else the configuration asks for it (drops_refused_).
// * There is no limit to time or attempts.

#include "agent/sinks/otlp/exporter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/log.h"
#include "agent/base/message_ids.h"
#include "agent/base/retry_after.h"

namespace sluice::otlp {
namespace {

using std::chrono::milliseconds;
using Kind = Answer::Kind;

constexpr double kFirstBackoffMs = 250;
constexpr double kBackoffFactor = 1.6;
constexpr double kLongestBackoffMs = 30'000;
// Of what a destination asks for.
constexpr milliseconds kLongestDelay = std::chrono::hours(1);
constexpr uint64_t kSecond = 1'000'000'000;
// After that a signal that was not taken is tried again.
constexpr uint64_t kOffFor = 600 * kSecond;
// A record of at most so many bytes is never too large by itself.
constexpr size_t kSmallRequest = 64 * 1024;
// Requests are never cut smaller than this because a destination has much to do.
constexpr size_t kLeastLimit = 16 * 1024;
constexpr uint64_t kTellOfDropsEvery = 60 * kSecond;

}  // namespace

Exporter::Exporter(Transport* transport, ExportNumbers* numbers, const Options& options)
    : transport_(transport),
      numbers_(numbers),
      drops_refused_(options.drops_refused),
      clock_(*options.clock),
      ceiling_(options.max_request_bytes),
      limit_(options.max_request_bytes),
      random_(std::random_device()()) {
  numbers_->SetMaxRequestBytes(limit_);
}

absl::Status Exporter::Export(const Outgoing& outgoing) {
  if (!std::exchange(has_begun_, true)) {
    for (const Signal signal : kSignals) {
      const size_t size = outgoing.of(signal).size();
      if (size > 0) lane(signal).todo = {{0, size}};
    }
  }
  for (const Signal signal : kSignals) {
    while (!lane(signal).todo.empty()) {
      const absl::Status status = Step(signal, outgoing.of(signal));
      if (!status.ok()) return status;
    }
  }
  has_begun_ = false;
  return absl::OkStatus();
}

absl::Status Exporter::Step(Signal signal, const SignalBatch& batch) {
  const Range& next = lane(signal).todo.back();
  if (IsOff(signal)) {
    Drop(signal, batch, next, "unsupported", {});
    lane(signal).todo.pop_back();
    return absl::OkStatus();
  }
  GrowLimit();
  const Range sent{next.begin, batch.EndOfRequest(next.begin, next.end, limit_)};
  const Answer answer = Send(signal, batch, sent);
  if (!answer.message.empty()) numbers_->SetLastMessage(answer.message);
  if (drops_refused_ && (answer.kind == Kind::kSplit || answer.is_auth_refusal)) {
    LearnLimit(request_.bytes, answer);
    Drop(signal, batch, sent, "refused", answer);
    Pass(signal, sent);
    return absl::OkStatus();
  }
  switch (answer.kind) {
    case Kind::kSplit:
      return OnSplit(signal, batch, sent, answer);
    case Kind::kUnsupported:
      return OnUnsupported(signal, answer);
    case Kind::kWait:
    case Kind::kRetryNow:
      return Wait(answer);
    case Kind::kDone:
      break;
  }
  waits_ = 0;
  Pass(signal, sent);
  return absl::OkStatus();
}

void Exporter::Pass(Signal signal, const Range& range) {
  std::vector<Range>& todo = lane(signal).todo;
  todo.back().begin = range.end;
  if (todo.back().begin == todo.back().end) todo.pop_back();
}

Answer Exporter::Send(Signal signal, const SignalBatch& batch, const Range& range) {
  batch.Cut(range.begin, range.end, &request_);
  Answer answer = transport_->Send(signal, request_.pieces);
  if (answer.kind == Kind::kRetryNow) answer = transport_->Send(signal, request_.pieces);
  if (answer.kind != Kind::kDone) return answer;
  const size_t count = range.end - range.begin;
  numbers_->Sent(signal, count, std::min<uint64_t>(answer.rejected, count));
  return answer;
}

absl::Status Exporter::OnSplit(Signal signal, const SignalBatch& batch, const Range& sent,
                               const Answer& answer) {
  LearnLimit(request_.bytes, answer);
  if (sent.end - sent.begin == 1) return OnLoneRefused(signal, batch, sent.begin, answer);
  Pass(signal, sent);
  const size_t middle = sent.begin + (sent.end - sent.begin) / 2;
  std::vector<Range>& todo = lane(signal).todo;
  todo.push_back({middle, sent.end});
  todo.push_back({sent.begin, middle});
  return absl::OkStatus();
}

absl::Status Exporter::OnLoneRefused(Signal signal, const SignalBatch& batch, size_t item,
                                     const Answer& answer) {
  if (answer.may_be_load && request_.bytes <= kSmallRequest) return Wait(answer);
  const bool is_too_large =
      answer.max_request_bytes.has_value() && request_.bytes > *answer.max_request_bytes;
  const Answer canary = transport_->Send(signal, {});
  if (canary.kind != Kind::kDone) return Wait(answer);
  Drop(signal, batch, {item, item + 1}, is_too_large ? "too_large" : "refused", answer);
  Pass(signal, {item, item + 1});
  waits_ = 0;
  return absl::OkStatus();
}

absl::Status Exporter::OnUnsupported(Signal signal, const Answer& answer) {
  if (!TakesAnotherThan(signal)) {
    Answer all = answer;
    all.message = absl::StrCat(answer.message, " (wrong port, path or protocol?)");
    return Wait(all);
  }
  lane(signal).off_until = clock_.BootNano() + kOffFor;
  LogWarning(absl::StrCat("sink ", numbers_->sink(), ": ", transport_->Describe(), " takes no ",
                          NameOf(signal), " (", answer.message,
                          "); they are dropped, and it is asked again each 10 minutes"),
             kExportRefused);
  numbers_->SetOff(signal, true);
  return absl::OkStatus();
}

bool Exporter::IsOff(Signal signal) {
  uint64_t& off_until = lane(signal).off_until;
  if (off_until != 0 && clock_.BootNano() >= off_until) off_until = 0;
  return off_until != 0;
}

bool Exporter::TakesAnotherThan(Signal signal) {
  return std::any_of(std::begin(kSignals), std::end(kSignals), [&](Signal other) {
    return other != signal && transport_->Send(other, {}).kind == Kind::kDone;
  });
}

absl::Status Exporter::Wait(const Answer& answer) {
  const double longest = std::min(
      kLongestBackoffMs, kFirstBackoffMs * std::pow(kBackoffFactor, std::min(waits_, 100)));
  ++waits_;
  const milliseconds own(
      static_cast<int64_t>(std::uniform_real_distribution<double>(1, longest)(random_)));
  const milliseconds asked = std::min(answer.delay.value_or(milliseconds(0)), kLongestDelay);
  may_retry_early_ = !answer.delay.has_value();
  return WithRetryAfter(absl::UnavailableError(answer.message), std::max(own, asked));
}

void Exporter::Drop(Signal signal, const SignalBatch& batch, const Range& range,
                    absl::string_view reason, const Answer& answer) {
  const std::map<uid_t, uint64_t> by_uid = batch.CountByUid(range.begin, range.end);
  for (const auto& [uid, count] : by_uid) numbers_->Dropped(signal, reason, uid, count);
  if (answer.message.empty()) return;
  const uint64_t now = clock_.BootNano();
  if (told_of_drops_ != 0 && now < told_of_drops_ + kTellOfDropsEvery) return;
  told_of_drops_ = now;
  LogWarning(absl::StrCat("sink ", numbers_->sink(), ": dropped ", range.end - range.begin,
                          " of uid ", by_uid.begin()->first, by_uid.size() > 1 ? " and others" : "",
                          ", refused by ", transport_->Describe(), ": ", answer.message),
             kExportRefused);
}

void Exporter::LearnLimit(size_t refused_bytes, const Answer& answer) {
  if (answer.max_request_bytes.has_value()) {
    const uint64_t learned = std::max<uint64_t>(*answer.max_request_bytes / 20 * 19, kLeastLimit);
    ceiling_ = std::min<size_t>(ceiling_, learned);
    limit_ = std::min(limit_, ceiling_);
  } else if (answer.may_be_load) {
    limit_ = std::max(std::min(limit_, refused_bytes / 2), std::min(limit_, kLeastLimit));
  } else {
    return;
  }
  limit_changed_ = clock_.BootNano();
  numbers_->SetMaxRequestBytes(limit_);
}

// By a tenth a minute.
void Exporter::GrowLimit() {
  if (limit_ == ceiling_) return;
  const uint64_t minutes = (clock_.BootNano() - limit_changed_) / (60 * kSecond);
  if (minutes == 0) return;
  limit_changed_ += minutes * 60 * kSecond;
  const double grown = static_cast<double>(limit_) *
                       std::pow(1.1, static_cast<double>(std::min<uint64_t>(minutes, 200)));
  limit_ = grown < static_cast<double>(ceiling_) ? static_cast<size_t>(grown) + 1 : ceiling_;
  numbers_->SetMaxRequestBytes(limit_);
}

void Exporter::TryAllSignals() {
  for (Lane& lane : lanes_) lane.off_until = 0;
}

}  // namespace sluice::otlp
