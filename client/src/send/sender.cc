// Problem: The thread lives in a process that is not ours, which may fork, close descriptors, fall
// silent or exit. The agent may be absent, restart or hang. None of that may lose a record that is
// in the ring, as long as the process lives, or have it journalled twice. And an idle process
// should not be woken.
//
// States: It sleeps until the ring has something to send or the agent should know of open spans
// (NeedsAgent). Then Connect, AwaitWelcome, Pump. Pump exchanges every millisecond and sleeps after
// 20 ms without work, with the connection kept. Whatever ends the stream leads to Disconnect and
// WaitBeforeReconnect; Hurry and an urgent notice cut that wait short.
//
// Invariants:
// * Records leave the ring only when acknowledged. Disconnect rewinds the outbox, so the others go
//   again under the same numbers, by which the agent tells what it has.
// * BeginSleep comes before the last look at the ring. In the other order a record emitted in
//   between would wake nobody.
// * An Ack resets backoff_, a Welcome does not. Otherwise an agent that welcomes and then breaks
//   off would be asked every 50 ms.
// * Waiters count themselves before they read progress_, and TellProgress moves it before it reads
//   the count. Otherwise a waiter could sleep through its acknowledgement.

#include "client/src/send/sender.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <new>
#include <utility>

#include "client/src/random.h"
#include "client/src/send/hello.h"
#include "client/src/send/losses.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// From the first byte to Welcome.
constexpr milliseconds kHandshakeTimeout = seconds(2);
// Without any acknowledgement while some is due. Longer than a disk's hiccup.
constexpr milliseconds kAckTimeout = seconds(10);
// While awake, new records and answers are looked for so often.
constexpr milliseconds kLinger{1};
// Without anything to do before it sleeps, so that a steady trickle of records needs no wakes.
constexpr milliseconds kStayAwake{20};
// Asleep with a connection it looks so often whether the agent said something.
constexpr milliseconds kIdleTick = seconds(1);
// Between two batches that hold losses alone.
constexpr milliseconds kTellInterval{100};
constexpr milliseconds kMinBackoff{50};
constexpr milliseconds kMaxBackoff = seconds(1);
// After an answer that will not change soon.
constexpr milliseconds kRefusedBackoff = seconds(30);

bool IsNobody(const rpc::Status& status) {
  return status.outcome == rpc::Outcome::kNoAgent || status.outcome == rpc::Outcome::kNoPermission;
}

bool IsRefused(const rpc::Status& status) {
  if (status.outcome != rpc::Outcome::kStatus) return false;
  switch (status.code) {
    case rpc::GrpcCode::kInvalidArgument:
    case rpc::GrpcCode::kPermissionDenied:
    case rpc::GrpcCode::kFailedPrecondition:
    case rpc::GrpcCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

Sender::Sender(const Parts& parts)
    : settings_(*parts.settings),
      recorder_(parts.recorder),
      mailbox_(parts.mailbox),
      outbox_(parts.ring),
      backoff_(kMinBackoff) {
  FillRandom(client_id_.bytes.data(), static_cast<int>(client_id_.bytes.size()));
}

bool Sender::StartThread() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, ThreadMain, this);
  if (error == 0) pthread_setname_np(thread, "sluice-sender");
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error == 0;
}

void* Sender::ThreadMain(void* sender) { static_cast<Sender*>(sender)->Run(); }

void Sender::Run() {
  work_.lock();
  mailbox_->RegisterSleeper();
  while (true) {
    while (!NeedsAgent()) SleepUntilNeeded();
    rpc::Status status;
    try {
      status = Serve();
    } catch (const std::bad_alloc&) {
      status = {.outcome = rpc::Outcome::kBroken, .message = {}};
    }
    Disconnect();
    WaitBeforeReconnect(status);
  }
}

// Spans that the agent knows as open are stated again soon after the connection broke.
bool Sender::NeedsAgent() {
  bool needs = outbox_.has_unsent() || recorder_->drops().lost() > told_;
  recorder_->ForEachStarted([&](const TraceId&, const SpanId&) { needs = true; });
  return needs;
}

rpc::Status Sender::Serve() {
  if (const rpc::Status status = Connect(); !status.ok()) return status;
  if (const rpc::Status status = AwaitWelcome(); !status.ok()) return status;
  return Pump();
}

rpc::Status Sender::Connect() {
  is_welcome_ = false;
  const std::string hello = EncodeHello(settings_, client_id_, recorder_, outbox_);
  return Connection::Open(
      settings_.socket_path, hello, [this](const ServerMessage& message) { OnMessage(message); },
      &connection_);
}

rpc::Status Sender::AwaitWelcome() {
  const Time deadline = steady_clock::now() + kHandshakeTimeout;
  while (true) {
    if (const rpc::Status status = connection_->Step(); !status.ok()) return status;
    if (is_welcome_) break;
    if (steady_clock::now() >= deadline) {
      return {.outcome = rpc::Outcome::kTimeout, .message = "no welcome in time"};
    }
    Wait(deadline);
  }
  is_connected_ = true;
  ++connects_;
  return {};
}

void Sender::Disconnect() {
  is_connected_ = false;
  connection_.reset();
  telling_ = 0;
  outbox_.Rewind();
  // The next agent may want what this one did not.
  SetWantedLevels({});
}

void Sender::OnMessage(const ServerMessage& message) {
  if (message.welcome) {
    is_welcome_ = true;
    SetWantedLevels(message.welcome->wanted.value_or(LevelTable()));
    OnAcknowledged(message.welcome->last_sequence);
  }
  if (message.hint) SetWantedLevels(*message.hint);
  if (message.ack) {
    dropped_by_agent_ += message.ack->dropped;
    backoff_ = kMinBackoff;
    OnAcknowledged(message.ack->sequence);
  }
}

void Sender::OnAcknowledged(uint64_t sequence) {
  outbox_.Acknowledge(sequence);
  last_progress_ = steady_clock::now();
  last_activity_ = last_progress_;
  TellProgress();
}

rpc::Status Sender::Pump() {
  last_progress_ = steady_clock::now();
  last_activity_ = last_progress_;
  while (true) {
    if (const rpc::Status status = Exchange(); !status.ok()) return status;
    const Time now = steady_clock::now();
    if (outbox_.has_unacknowledged()) {
      if (now - last_progress_ > kAckTimeout) {
        return {.outcome = rpc::Outcome::kTimeout, .message = "no acknowledgement in time"};
      }
    } else if (now - last_activity_ > kStayAwake) {
      SleepUntilNeeded();
    }
  }
}

rpc::Status Sender::Exchange() {
  PublishDueSpans();
  recorder_->PublishLateFields();
  const bool is_more_due = IsSendDue() && SendBatch();
  if (const rpc::Status status = connection_->Step(); !status.ok()) return status;
  const Time now = steady_clock::now();
  if (is_more_due && connection_->is_clear()) {
    Wait(now);
  } else {
    Wait(next_send_ > now ? next_send_ : now + kLinger);
  }
  return {};
}

// Each batch costs both sides system calls and wakes, so that an acknowledgement alone is no reason
// to send the few records that came meanwhile.
bool Sender::IsSendDue() const {
  return connection_->is_clear() &&
         (outbox_.has_much_unsent() || waiters_.load() != 0 || steady_clock::now() >= next_send_);
}

void Sender::Wait(Time deadline) {
  work_.unlock();
  connection_->Wait(deadline);
  work_.lock();
}

void Sender::Sleep(Mailbox::State state, Time deadline) {
  work_.unlock();
  mailbox_->Sleep(state, deadline);
  work_.lock();
}

// The totals go with each batch, and alone where they changed and no record is there to go with:
// at once if somebody waits for it, else not too often. True: another batch waits.
bool Sender::SendBatch() {
  NoteTold();
  const uint64_t lost = recorder_->drops().lost();
  const Outbox::Plan plan = outbox_.PlanBatch(EncodeLosses(recorder_->drops()));
  const bool is_due = waiters_.load() != 0 || steady_clock::now() >= next_tell_;
  if (plan.records == 0 && (lost == telling_ || !is_due)) return false;
  if (!outbox_.has_unacknowledged()) last_progress_ = steady_clock::now();
  connection_->Send(plan, &outbox_);
  telling_ = lost;
  last_activity_ = steady_clock::now();
  next_send_ = last_activity_ + kLinger;
  next_tell_ = last_activity_ + kTellInterval;
  return plan.is_full;
}

// All that was sent has left.
void Sender::NoteTold() {
  if (telling_ <= told_) return;
  told_ = telling_;
  TellProgress();
}

void Sender::PublishDueSpans() {
  const Time now = steady_clock::now();
  if (now < next_publish_) return;
  PublishSpansOlderThanInterval();
  next_publish_ = now + settings_.send_interval / 2;
}

bool Sender::PublishSpansOlderThanInterval() {
  const auto interval = std::chrono::nanoseconds(settings_.send_interval).count();
  return recorder_->PublishOpenSpans(recorder_->clock().UnixNano() -
                                     static_cast<uint64_t>(interval));
}

void Sender::SleepUntilNeeded() {
  mailbox_->BeginSleep(Mailbox::kAsleep);
  const bool has_young = PublishSpansOlderThanInterval();
  recorder_->PublishLateFields();
  const bool has_news = connection_ && recorder_->drops().lost() > telling_;
  if (outbox_.has_unsent() || has_news || TakeHurry()) {
    mailbox_->StayAwake();
    return;
  }
  Time until = connection_ ? steady_clock::now() + kIdleTick : Time::max();
  if (has_young) until = steady_clock::now() + settings_.send_interval / 2;
  Sleep(Mailbox::kAsleep, until);
}

void Sender::WaitBeforeReconnect(const rpc::Status& status) {
  if (IsNobody(status)) ++found_nobody_;
  TellProgress();
  const milliseconds asked = status.pushback.value_or(milliseconds(0));
  const milliseconds delay = std::max(IsRefused(status) ? kRefusedBackoff : backoff_, asked);
  backoff_ = std::min(backoff_ * 2, kMaxBackoff);
  mailbox_->BeginSleep(Mailbox::kWaiting);
  if (!TakeHurry()) Sleep(Mailbox::kWaiting, steady_clock::now() + delay);
  mailbox_->StayAwake();
}

bool Sender::TakeHurry() {
  const uint32_t hurries = hurries_.load();
  return std::exchange(hurries_taken_, hurries) != hurries;
}

void Sender::TellProgress() {
  progress_.fetch_add(1);
  if (waiters_.load() != 0) FutexWakeAll(&progress_);
}

bool Sender::WaitSettled(const Amount& amount, rpc::Deadline deadline, Patience patience) {
  const uint32_t nobody_before = found_nobody_.load();
  const auto is_hopeless = [&] {
    return patience == Patience::kWhileThereIsAnAgent && found_nobody_.load() != nobody_before;
  };
  waiters_.fetch_add(1);
  uint32_t seen = progress_.load();
  while (!IsSettled(amount) && !is_hopeless() && steady_clock::now() < deadline) {
    FutexWait(&progress_, seen, deadline);
    seen = progress_.load();
  }
  waiters_.fetch_sub(1);
  return IsSettled(amount);
}

}  // namespace sluice
