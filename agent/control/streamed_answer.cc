#include "agent/control/streamed_answer.h"

#include <time.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/mutex.h"
#include "agent/base/scheduling.h"

namespace sluice::control {
namespace {

using std::chrono::steady_clock;

// What may wait in the call for the peer to read it.
constexpr size_t kUnsentBytes = 1024 * 1024;
// For answers to anybody but root: others' work goes first.
constexpr int kNice = 10;
// The loop's time counts so many times, for everybody waits for it.
constexpr uint64_t kLoopWeight = 4;
// How often a long answer looks at its clock, in calls of IsOver, and what it has used by then that
// it is charged for.
constexpr uint32_t kCallsPerLook = 64;
constexpr uint64_t kSliceNanos = 20'000'000;
// Who owes too much rests so many times as long as it worked.
constexpr int kRestFactor = 9;
// After which time of waiting room is made, and after which one is refused.
constexpr uint64_t kPatienceNanos = 1'000'000'000;
constexpr uint64_t kMaxWaitNanos = 5'000'000'000;
constexpr int64_t kTooManyRetryMs = 500;

// Of the calling thread.
uint64_t ProcessorNanos() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

}  // namespace

// Between the answer's thread and the loop's. Cancelled on the loop's thread alone.
class StreamedAnswers::Stream final : public AnswerStream,
                                      public std::enable_shared_from_this<Stream> {
 public:
  Stream(StreamedAnswers* answers, const Asked& asked)
      : answers_(answers), server_(asked.server), call_(asked.call), uid_(asked.uid) {}

  bool Send(std::string message) override {
    {
      MutexLock lock(&mutex_);
      blocked_since_ = answers_->loop_->clock().BootNano();
      while (!writable_ && !cancelled_) changed_.Wait(&mutex_);
      blocked_since_.reset();
      if (cancelled_) return false;
      writable_ = false;
    }
    PostCharged([self = shared_from_this(), message = std::move(message)] {
      net::Call* const call = self->server_->FindCall(self->call_);
      if (call == nullptr) return self->Cancel();
      call->Send(message);
      if (call->unsent_bytes() < kUnsentBytes) self->SetWritable();
    });
    return true;
  }

  bool IsOver() override {
    if (++looks_ % kCallsPerLook == 0) Rest();
    MutexLock lock(&mutex_);
    return over_;
  }

  void WhenOver(std::function<void()> wake) override {
    MutexLock lock(&mutex_);
    wake_ = std::move(wake);
    if (over_) wake_();
  }

  bool OnLoop(const std::function<void()>& work) override {
    {
      MutexLock lock(&mutex_);
      if (cancelled_) return false;
      done_ = false;
    }
    PostCharged([self = shared_from_this(), &work] {
      // Who is cancelled does not wait, and what `work` refers to is gone.
      if (self->IsCancelled()) return;
      work();
      self->SetDone();
    });
    MutexLock lock(&mutex_);
    while (!done_ && !cancelled_) changed_.Wait(&mutex_);
    return done_;
  }

  // What the thread has used since it was last taken.
  uint64_t TakeUsed() {
    const uint64_t now = ProcessorNanos();
    return now - std::exchange(used_before_, now);
  }

  // On the loop's thread:
  void Charge(uint64_t nanos) {
    const uint64_t now = answers_->loop_->now();
    answers_->cost_->Charge(uid_, nanos, now);
    const bool owes = answers_->cost_->WaitOf(uid_, now) > 0;
    MutexLock lock(&mutex_);
    owes_ = owes;
  }

  void SetWritable() {
    MutexLock lock(&mutex_);
    writable_ = true;
    changed_.NotifyAll();
  }

  void Cancel() {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    changed_.NotifyAll();
    TellOver();
  }

  void EndWaiting() {
    MutexLock lock(&mutex_);
    TellOver();
  }

  // Its peer has not read since before that time.
  bool IsUnreadSince(uint64_t boot_nano) {
    MutexLock lock(&mutex_);
    return blocked_since_.has_value() && !writable_ && *blocked_since_ <= boot_nano;
  }

 private:
  void TellOver() REQUIRES(mutex_) {
    over_ = true;
    changed_.NotifyAll();
    if (wake_) wake_();
  }

  bool IsCancelled() {
    MutexLock lock(&mutex_);
    return cancelled_;
  }

  void SetDone() {
    MutexLock lock(&mutex_);
    done_ = true;
    changed_.NotifyAll();
  }

  // Charges what the thread has used and what `work` takes of the loop's time.
  template <typename Work>
  void PostCharged(Work work) {
    answers_->loop_->Post([self = shared_from_this(), used = TakeUsed(), work = std::move(work)] {
      const uint64_t before = ProcessorNanos();
      work();
      self->Charge(used + kLoopWeight * (ProcessorNanos() - before));
    });
  }

  void Rest() {
    const uint64_t used = ProcessorNanos() - used_before_;
    if (used < kSliceNanos) return;
    PostCharged([] {});
    const auto until = steady_clock::now() + std::chrono::nanoseconds(used) * kRestFactor;
    MutexLock lock(&mutex_);
    while (owes_ && !over_ && changed_.WaitUntil(&mutex_, until)) {
    }
  }

  StreamedAnswers* const answers_;
  net::GrpcServer* const server_;
  const net::CallId call_;
  const uid_t uid_;
  // Of the thread that answers.
  uint64_t used_before_ = 0;
  uint32_t looks_ = 0;

  Mutex mutex_;
  CondVar changed_;
  bool writable_ GUARDED_BY(mutex_) = true;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  bool over_ GUARDED_BY(mutex_) = false;
  bool done_ GUARDED_BY(mutex_) = false;
  bool owes_ GUARDED_BY(mutex_) = false;
  std::optional<uint64_t> blocked_since_ GUARDED_BY(mutex_);  // CLOCK_BOOTTIME
  std::function<void()> wake_ GUARDED_BY(mutex_);
};

class StreamedAnswers::Handler final : public net::CallHandler {
 public:
  Handler(StreamedAnswers* answers, net::GrpcServer* server, net::Call* call,
          std::shared_ptr<const Answerer> answerer)
      : answers_(answers), server_(server), call_(call), answerer_(std::move(answerer)) {}

  void OnMessage(std::string_view message) override {
    if (ticket_ != 0) return call_->Finish(absl::InvalidArgumentError("a second request"));
    ticket_ = answers_->Ask(server_, *call_, message, answerer_);
  }

  void OnHalfClose() override {
    if (ticket_ == 0) call_->Finish(absl::InvalidArgumentError("no request"));
  }

  void OnCancel() override { answers_->Cancel(ticket_); }
  void OnWritable() override { answers_->OnWritable(ticket_); }

 private:
  StreamedAnswers* const answers_;
  net::GrpcServer* const server_;
  net::Call* const call_;
  const std::shared_ptr<const Answerer> answerer_;
  Ticket ticket_ = 0;
};

StreamedAnswers::~StreamedAnswers() {
  loop_->CancelTimer(timer_);
  for (auto& [ticket, asked] : asked_) {
    if (asked.stream != nullptr) asked.stream->Cancel();
  }
  for (auto& [ticket, asked] : asked_) {
    if (asked.thread.joinable()) asked.thread.join();
  }
}

void StreamedAnswers::EndWaiting() {
  is_ending_ = true;
  for (auto& [ticket, asked] : asked_) {
    if (asked.stream != nullptr) asked.stream->EndWaiting();
  }
}

net::CallFactory StreamedAnswers::Serve(net::GrpcServer* server, Answerer answerer) {
  auto shared = std::make_shared<const Answerer>(std::move(answerer));
  return [this, server, shared](net::Call& call) -> std::unique_ptr<net::CallHandler> {
    if (IsRefusedForCost(call)) return nullptr;  // before a byte of it is taken
    return std::make_unique<Handler>(this, server, &call, shared);
  };
}

bool StreamedAnswers::IsRefusedForCost(net::Call& call) {
  const uid_t uid = call.connection().uid();
  const uint64_t wait = cost_->WaitOf(uid, loop_->now());
  if (wait == 0) return false;
  counters_->Add("query.refused", "cost", uid);
  const auto wait_ms = static_cast<int64_t>(wait / 1'000'000 + 1);
  call.Finish(absl::ResourceExhaustedError(absl::StrCat(
                  "the questions of this user took too much time; ask again in ", wait_ms, " ms")),
              wait_ms);
  return true;
}

void StreamedAnswers::RefuseTooMany(net::Call& call) {
  counters_->Add("query.refused", "too_many", call.connection().uid());
  call.Finish(absl::ResourceExhaustedError("too many queries at once; end one, or try again"),
              kTooManyRetryMs);
}

StreamedAnswers::Ticket StreamedAnswers::Ask(net::GrpcServer* server, net::Call& call,
                                             std::string_view request,
                                             std::shared_ptr<const Answerer> answerer) {
  if (IsRefusedForCost(call)) return 0;
  const Identity& caller = call.connection().identity();
  const Ticket ticket = ++last_ticket_;
  if (!queue_.Add(ticket, caller.uid)) {
    RefuseTooMany(call);
    return 0;
  }
  Asked& asked = asked_[ticket];
  asked.server = server;
  asked.call = call.id();
  asked.since = loop_->now();
  asked.question = {std::string(request), caller};
  asked.answerer = std::move(answerer);
  asked.uid = caller.uid;
  StartNext();
  WatchWaiting();
  return ticket;
}

void StreamedAnswers::Cancel(Ticket ticket) {
  const auto found = asked_.find(ticket);
  if (found == asked_.end()) return;
  if (found->second.stream != nullptr) return found->second.stream->Cancel();
  queue_.Forget(ticket);
  asked_.erase(found);
}

void StreamedAnswers::OnWritable(Ticket ticket) {
  const auto found = asked_.find(ticket);
  if (found != asked_.end() && found->second.stream != nullptr) {
    found->second.stream->SetWritable();
  }
}

void StreamedAnswers::StartNext() {
  while (const auto ticket = queue_.Next()) Start(*ticket, &asked_.at(*ticket));
}

void StreamedAnswers::Start(Ticket ticket, Asked* asked) {
  asked->stream = std::make_shared<Stream>(this, *asked);
  if (is_ending_) asked->stream->EndWaiting();
  asked->thread = std::thread([this, ticket, stream = asked->stream, uid = asked->uid,
                               question = std::move(asked->question), answerer = asked->answerer] {
    BecomeBackgroundThread("answer", uid == 0 ? 0 : kNice);
    const absl::Status status = (*answerer)(question, *stream);
    loop_->Post([this, ticket, stream, status, used = stream->TakeUsed()] {
      stream->Charge(used);
      Finished(ticket, status);
    });
  });
}

void StreamedAnswers::Finished(Ticket ticket, const absl::Status& status) {
  const auto finished = asked_.find(ticket);
  Asked& asked = finished->second;
  if (net::Call* const open = asked.server->FindCall(asked.call)) open->Finish(status);
  asked.thread.join();
  queue_.Finish(asked.uid);
  asked_.erase(finished);
  StartNext();
}

void StreamedAnswers::WatchWaiting() {
  if (!queue_.has_waiting() || timer_ != 0) return;
  timer_ = loop_->AddTimer(loop_->now() + kPatienceNanos, [this] {
    timer_ = 0;
    MakeRoom();
    WatchWaiting();
  });
}

void StreamedAnswers::MakeRoom() {
  RefuseLongestWaiting();
  if (!queue_.has_waiting() || EndUnread() || !limits_.endless) return;
  const auto uid = queue_.UidToMakeRoom();
  if (!uid.has_value()) return;
  for (auto asked = asked_.rbegin(); asked != asked_.rend(); ++asked) {
    if (UserOf(asked->second.uid) != *uid || asked->second.stream == nullptr) continue;
    return EndOne(&asked->second, "room", "others wait for an answer; end one, or try again");
  }
}

void StreamedAnswers::RefuseLongestWaiting() {
  std::vector<std::pair<net::GrpcServer*, net::CallId>> refused;
  for (auto it = asked_.begin(); it != asked_.end();) {
    const auto next = std::next(it);
    if (it->second.stream == nullptr && it->second.since + kMaxWaitNanos <= loop_->now()) {
      refused.emplace_back(it->second.server, it->second.call);
      Cancel(it->first);
    }
    it = next;
  }
  for (const auto& [server, id] : refused) {
    if (net::Call* const call = server->FindCall(id)) RefuseTooMany(*call);
  }
}

bool StreamedAnswers::EndUnread() {
  bool has_ended = false;
  for (auto& [ticket, asked] : asked_) {
    const bool is_unread = asked.stream != nullptr && asked.uid != 0 &&
                           asked.stream->IsUnreadSince(loop_->now() - kPatienceNanos);
    if (!is_unread) continue;
    EndOne(&asked, "unread", "others wait for an answer and this one is not read");
    has_ended = true;
  }
  return has_ended;
}

void StreamedAnswers::EndOne(Asked* asked, const char* reason, const char* text) {
  counters_->Add("query.ended", reason, asked->uid);
  if (net::Call* const call = asked->server->FindCall(asked->call)) {
    call->Finish(absl::ResourceExhaustedError(text));
  }
  asked->stream->Cancel();
}

}  // namespace sluice::control
