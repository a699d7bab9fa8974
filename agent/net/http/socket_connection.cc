// Problem: One thread serves all peers. A peer may flood, never ask, never read or hang up, and any
// callback on the stack may bring about the end of its own connection.
//
// States: At first there is no session: the first bytes decide which. Then requests are served.
// While backlog_ has bytes, the socket is watched for output only and patience_timer_ runs. Bytes
// that come are told of once (has_input_): to ask in every turn for all that waits would take
// longer than to serve it. They are read once the uid's turn has come (queued_, Serve). Where that
// is while the uid is overdrawn or held by a gate, the socket is not watched until that is over
// (waits_). Where a call pauses the session, the next Serve goes on with that instead of reading.
// Drain waits for the last call. Close sets closing_ and takes the socket from the loop; the turn's
// end then abandons the calls (ended_), and the server destroys the connection.
//
// Invariants:
// * Close only marks the connection. AtTurnEnd tells its calls, and the server destroys it after
//   that. So no callback returns into an object that is gone.
// * Produce is called only while backlog_ is empty. So a peer that does not read costs about
//   kWriteBytes, however much it asks for.
// * Each read is charged to the uid (Account), unless something useful came of it or its message
//   bytes are worth as much. The connection itself is charged once, unless something useful came
//   first. Otherwise many short connections would be a free flood.
// * A connection whose session is paused is the first of its uid (AddFirst). So none of its uid's
//   others is read from, and at most one read of each uid waits within the agent.
// * Whoever leaves something for the turn's end calls MarkBusy; the turn's end visits no other
//   connection.

#include "agent/net/http/socket_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "agent/net/http/detect_protocol.h"
#include "agent/net/http/http1_session.h"
#include "agent/net/http/http2_session.h"

namespace sluice::net {
namespace {

constexpr uint64_t kNanosPerMilli = 1'000'000;
// Then one read passes.
constexpr uint64_t kLongestHoldNanos = 2'000'000'000;
// How long the bytes of one read are worked on at once: while others wait, and while nobody does.
constexpr uint64_t kSliceNanos = 250'000;
constexpr uint64_t kLoneSliceNanos = 1'000'000;
// The clock is read once for so many bytes, where each message counts for so many more.
constexpr size_t kBytesPerCheck = 16 * 1024;
constexpr size_t kBytesOfMessage = 2 * 1024;
// A peer that hung up is told of with what it sent last.
constexpr uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr uint32_t kHungUp = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
// Frames, header fields and messages of one read. Above the first a read is too large to be fair;
// below the second it may grow.
constexpr size_t kMuchWork = 768;
constexpr size_t kLittleWork = 384;
// What things cost the loop, roughly: as counted, a flood is the same on a slow or busy machine.
constexpr uint64_t kNanosPerConnection = 20'000;
constexpr uint64_t kNanosPerRead = 3'000;
constexpr uint64_t kNanosPerWork = 150;
// What taking a byte of a message may cost. Large messages cost a tenth, those in frames of a few
// bytes ten times as much.
constexpr uint64_t kNanosPerBodyByte = 10;
// What a refused message can have cost at most, so that a busy machine does not count against it.
constexpr uint64_t kMostNanosOfRefusal = 100'000;
constexpr uint64_t kMostNanosPerRefusedByte = 100;
// Whoever sends less between two looks does not get on.
constexpr size_t kLittleProgress = 1024;
// Produced at once, and so at most kept for a peer that does not read.
constexpr size_t kWriteBytes = 64 * 1024;

}  // namespace

SocketConnection::SocketConnection(ServerCore* core, const CallKinds* kinds, uint64_t id, Peer peer,
                                   UniqueFd socket)
    : Connection(id, std::move(peer)),
      core_(core),
      kinds_(kinds),
      user_(core->order().Join(uid())),
      socket_(std::move(socket)),
      answer_wait_(&core->loop()) {}

SocketConnection::~SocketConnection() {
  LeaveWait();
  for (const auto lane : {ServingOrder::kRead, ServingOrder::kTurnEnd}) {
    core_->order().Remove(lane, user_, this);
  }
  core_->order().Leave(user_);
  core_->budget().Release(uid(), kept_bytes_);
  core_->loop().UnwatchFd(socket_.get());
  core_->loop().CancelTimer(first_request_timer_);
  core_->loop().CancelTimer(patience_timer_);
  core_->loop().CancelTimer(progress_timer_);
}

absl::Status SocketConnection::Start() {
  StartFirstRequestTimer(core_->limits().first_request_ms);
  return core_->loop().WatchFd(socket_.get(), kInput, this);
}

void SocketConnection::StartFirstRequestTimer(int wait_ms) {
  const uint64_t wait = static_cast<uint64_t>(wait_ms) * kNanosPerMilli;
  first_request_timer_ = core_->loop().AddTimer(core_->loop().now() + wait, [this] {
    first_request_timer_ = 0;
    Fail("first_request_timeout");
  });
}

void SocketConnection::OnGreeting() {
  if (first_request_timer_ == 0) return;
  core_->loop().CancelTimer(first_request_timer_);
  StartFirstRequestTimer(core_->limits().greeted_request_ms);
}

bool SocketConnection::IsOverdrawn() const {
  return core_->loop_share().IsOverdrawn(uid(), core_->loop().now());
}

bool SocketConnection::IsHeldBack() {
  if (!core_->HoldsBack(uid())) {
    hold_ends_ = 0;
    return false;
  }
  const uint64_t now = core_->loop().now();
  if (hold_ends_ == 0) hold_ends_ = now + kLongestHoldNanos;
  if (now < hold_ends_) return true;
  hold_ends_ = 0;
  return false;
}

// The peer is not read from and not noticed when it hangs up: both may be a flood.
void SocketConnection::Rest() {
  waits_ = Wait::kResting;
  read_size_ = kMinReadBytes;
  core_->loop().UnwatchFd(socket_.get());
  core_->AddResting(this, uid());
}

void SocketConnection::Hold() {
  waits_ = Wait::kHeld;
  core_->loop().UnwatchFd(socket_.get());
  core_->AddHeld(this, uid(), hold_ends_);
}

// Returns whether it waited.
bool SocketConnection::LeaveWait() {
  if (waits_ == Wait::kResting) core_->RemoveResting(this);
  if (waits_ == Wait::kHeld) core_->RemoveHeld(this);
  return std::exchange(waits_, Wait::kNone) != Wait::kNone;
}

void SocketConnection::WakeUp() {
  waits_ = Wait::kNone;
  if (!core_->loop().WatchFd(socket_.get(), kInput, this).ok()) return Close("internal_error");
  if (session_) GoOnWhenAnswered();
}

void SocketConnection::Watch(uint32_t events) {
  if (LeaveWait()) WakeUp();
  if (!core_->loop().ChangeEvents(socket_.get(), events).ok()) Close("internal_error");
}

// What a read of `work` frames, fields and messages cost is waste, unless something useful came.
void SocketConnection::Account(size_t work) {
  uint64_t spent = kNanosPerRead + work * kNanosPerWork;
  const size_t body = std::exchange(body_bytes_, 0);
  uint64_t worth = body * kNanosPerBodyByte;
  const uint64_t took = std::exchange(unsettled_nanos_, 0);
  if (std::exchange(refused_, false)) {
    worth = 0;
    spent = std::max(spent, std::min(took, kMostNanosOfRefusal + body * kMostNanosPerRefusedByte));
  }
  if (std::exchange(useful_, false)) {
    is_new_ = false;
  } else if (spent > worth) {
    AddWastedTime(spent - worth);
  }
}

void SocketConnection::AddWastedTime(uint64_t nanos) {
  const uint64_t setup = std::exchange(is_new_, false) ? kNanosPerConnection : 0;
  if (core_->loop_share().Waste(uid(), nanos + setup, core_->loop().now())) {
    core_->counters().Add("net.throttled", {}, uid());
  }
}

void SocketConnection::Close(absl::string_view reason) {
  if (std::exchange(closing_, true)) return;
  close_reason_ = std::string(reason);
  LeaveWait();
  core_->order().Remove(ServingOrder::kRead, user_, this);
  core_->loop().UnwatchFd(socket_.get());
  MarkBusy();
}

void SocketConnection::Fail(const char* reason) {
  // Best effort: a peer that does not read sees only the closed connection.
  if (backlog_.empty()) SendSome(session_ ? session_->ClosingBytes(reason) : GoAwayFrame(reason));
  Close(reason);
}

void SocketConnection::Drain() {
  draining_ = true;
  if (session_) session_->GoAway();
  MarkBusy();
}

void SocketConnection::MarkBusy() {
  if (ended_ || std::exchange(busy_, true)) return;
  core_->order().Add(ServingOrder::kTurnEnd, user_, this);
  core_->NeedTurnEnd();
}

void SocketConnection::DeferDelete(HttpCall* call) {
  const auto mine = std::find_if(calls_.begin(), calls_.end(),
                                 [call](const auto& each) { return each.get() == call; });
  core_->DeferDelete(std::move(*mine));
  calls_.erase(mine);
  MarkBusy();
}

HttpCall* SocketConnection::OnRequest(int32_t stream_id, const RequestHead& head) {
  core_->loop().CancelTimer(std::exchange(first_request_timer_, 0));
  if (!std::exchange(is_noted_, true)) {
    core_->NotePeer(identity(), is_http1_ ? "HTTP/1.1" : "HTTP/2", head.user_agent);
  }
  for (HttpCallFactory* const factory : kinds_->factories) {
    if (!factory->Takes(head)) continue;
    calls_.push_back(factory->Make(this, stream_id, head));
    return calls_.back().get();
  }
  core_->counters().Add("net.refused", "not_grpc", uid());
  session_->FinishAtOnce(stream_id, {.status = head.StatusOfUnserved()}, {});
  return nullptr;
}

void SocketConnection::OnStreamRefused() { core_->counters().Add("net.refused", "stream", uid()); }

void SocketConnection::OnFdReady(uint32_t events) {
  if (is_full_ && (events & ~EPOLLOUT) != 0) return Close("peer");
  if ((events & ~EPOLLIN) != 0) MarkBusy();
  if ((events & ~EPOLLOUT) == 0) return;
  has_input_ = true;
  hung_up_ |= (events & kHungUp) != 0;
  Queue();
}

void SocketConnection::Queue() {
  if (!std::exchange(queued_, true)) core_->order().Add(ServingOrder::kRead, user_, this);
}

uint64_t SocketConnection::Serve(uint64_t begin) {
  queued_ = false;
  slice_end_ = begin + (core_->order().OthersWait(user_) ? kSliceNanos : kLoneSliceNanos);
  if (session_ && session_->is_paused()) {
    if (IsHeldBack()) {
      Hold();
      return begin;
    }
    OnReceived(session_->Resume(core_->loop().now()));
  } else if (!backlog_.empty() || is_full_) {
    return begin;
  } else if (IsOverdrawn()) {
    Rest();
    return begin;
  } else if (IsHeldBack()) {
    Hold();
    return begin;
  } else {
    Read();
  }
  const uint64_t end = core_->loop().clock().BootNano();
  core_->order().Spend(user_, end - begin);
  Settle(end - begin);
  if (has_input_ && !closing_ && backlog_.empty() && !is_full_) Queue();
  return end;
}

// What a paused read cost is known once it has been dealt with.
void SocketConnection::Settle(uint64_t took) {
  unsettled_nanos_ += took;
  if (!std::exchange(received_, false)) return;
  if (session_ && !ChargeKept()) Close("memory");
  if (!closing_ && session_ && session_->is_paused()) {
    queued_ = true;
    return core_->order().AddFirst(ServingOrder::kRead, user_, this);
  }
  const size_t work = std::exchange(work_, 0) + (session_ ? session_->TakeWork() : 0);
  AdaptReadSize(work);
  Account(work);
}

bool SocketConnection::IsSliceOver(size_t bytes) {
  unchecked_bytes_ += bytes + kBytesOfMessage;
  if (unchecked_bytes_ < kBytesPerCheck) return false;
  unchecked_bytes_ = 0;
  return core_->loop().clock().BootNano() >= slice_end_;
}

bool SocketConnection::ChargeKept() {
  const size_t kept = session_->kept_bytes();
  if (kept == kept_bytes_) return true;
  core_->budget().Release(uid(), std::exchange(kept_bytes_, 0));
  if (kept > 0 && !core_->budget().Charge(uid(), kept)) return false;
  kept_bytes_ = kept;
  return true;
}

void SocketConnection::Read() {
  last_read_ = 0;
  const bool is_before_body = session_ && session_->is_before_body();
  const bool has_more = ReadSome(is_before_body ? kMinReadBytes : read_size_);
  if (has_more && last_read_ < read_size_) ReadSome(read_size_ - last_read_);
  if (session_ && session_->is_paused()) read_size_ = std::max(kMinReadBytes, read_size_ / 2);
}

// Whether there may be more that can be taken.
bool SocketConnection::ReadSome(size_t size) {
  char* const buffer = core_->read_buffer();
  InputPlan plan = session_ ? session_->PlanInput(buffer, size) : InputPlan(buffer, size);
  const std::optional<size_t> came = plan.ReadFrom(socket_.get());
  if (!came.has_value()) Close("peer");
  // Less than there was room for was all: what comes now is told again, and so is a later end.
  const bool may_have_more = came == plan.size();
  has_input_ = may_have_more || (hung_up_ && came > 0u);
  for (const std::string_view piece : plan.Arrange(came.value_or(0))) Take(piece);
  return may_have_more && !closing_ && session_ && !session_->is_paused();
}

void SocketConnection::Take(std::string_view bytes) {
  if (closing_) return;
  if (!session_) return TakeFirst(bytes);
  progress_ += bytes.size();
  last_read_ += bytes.size();
  OnReceived(session_->Receive(bytes, core_->loop().now()));
}

void SocketConnection::OnReceived(const char* failure) {
  received_ = true;
  if (failure != nullptr) return Fail(failure);
  MarkBusy();
}

void SocketConnection::TakeFirst(std::string_view bytes) {
  const std::string joined = std::exchange(first_bytes_, std::string()).append(bytes);
  bytes = joined;
  switch (DetectProtocol(bytes)) {
    case Protocol::kHttp2:
      session_ = Http2Session::Create(this, kinds_->extra_fields);
      return session_ ? Take(bytes) : Close("memory");
    case Protocol::kHttp1:
      session_.reset(new Http1Session(this, kinds_->extra_fields));
      is_http1_ = true;
      return Take(bytes);
    case Protocol::kUndecided:
      received_ = true;
      first_bytes_ = joined;
      return;
    case Protocol::kTls:
      received_ = true;
      core_->NotePeer(identity(), "TLS", {});
      return Close("tls");
    default:
      received_ = true;
      return Fail("not_http");
  }
}

void SocketConnection::AdaptReadSize(size_t work) {
  if (work > kMuchWork) {
    read_size_ = std::max(kMinReadBytes, read_size_ / 2);
  } else if (last_read_ == read_size_ && work < kLittleWork) {
    read_size_ = std::min(ServerCore::kReadBytes, read_size_ * 2);
  }
}

bool SocketConnection::AtTurnEnd() {
  busy_ = false;
  // By index: a call's handler may bring about the end of another.
  for (size_t i = 0; i < calls_.size() && !closing_; ++i) calls_[i]->AtTurnEnd();
  if (!closing_ && session_) {
    Write();
    if (is_http1_) FollowAnswers();
  }
  for (size_t i = 0; i < calls_.size() && !closing_; ++i) calls_[i]->OnWritten();
  if (!closing_) EndIfOver();
  if (closing_) EndCalls();
  return !ended_;
}

void SocketConnection::EndIfOver() {
  if (draining_ && calls_.empty() && backlog_.empty()) return Close("drained");
  if (!session_ || !backlog_.empty()) return;
  if (const char* const reason = session_->Over()) Close(reason);
}

void SocketConnection::EndCalls() {
  ended_ = true;
  if (is_new_) AddWastedTime(0);
  for (size_t i = 0; i < calls_.size(); ++i) calls_[i]->Abandon();
  for (std::unique_ptr<HttpCall>& call : calls_) core_->DeferDelete(std::move(call));
  calls_.clear();
}

void SocketConnection::Write() {
  if (session_->awaits_answer_alone() && answer_wait_.IsOn([this] { MarkBusy(); })) return;
  if (!WriteBacklog()) return;
  std::string& out = core_->write_buffer();
  const char* const failure = session_->Produce(&out, kWriteBytes);
  const bool full = out.size() >= kWriteBytes;
  const size_t sent = SendSome(out);
  if (sent < out.size()) KeepBacklog(std::string_view(out).substr(sent));
  out.clear();
  if (failure != nullptr) return Fail(failure);
  if (full) MarkBusy();
}

// Returns whether there is none left.
bool SocketConnection::WriteBacklog() {
  if (backlog_.empty()) return true;
  const size_t sent = SendSome(backlog_);
  if (sent == 0) return false;
  core_->loop().CancelTimer(std::exchange(patience_timer_, 0));
  backlog_.erase(0, sent);
  if (!backlog_.empty()) {
    StartPatience();
    return false;
  }
  std::exchange(backlog_, std::string());
  Watch(InputEvents());
  return !closing_;
}

// All of `bytes` once the peer cannot read any more: the requests it left behind still count.
size_t SocketConnection::SendSome(std::string_view bytes) {
  if (!peer_reads_ || bytes.empty()) return bytes.size();
  const ssize_t sent =
      ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  peer_reads_ = false;
  return bytes.size();
}

// Requests come one after the other, and each waits for the answer to the last.
void SocketConnection::FollowAnswers() {
  StopWhenFull();
  GoOnWhenAnswered();
  WatchProgress();
}

// A peer that hangs up is noticed in either case.
uint32_t SocketConnection::InputEvents() const { return is_full_ ? EPOLLRDHUP : kInput; }

void SocketConnection::StopWhenFull() {
  if (closing_ || is_full_ == session_->is_full()) return;
  is_full_ = !is_full_;
  if (backlog_.empty()) Watch(InputEvents());
}

// What came before the last answer was out is looked at in the next turn.
void SocketConnection::GoOnWhenAnswered() {
  if (closing_ || !session_->is_paused() || queued_ || waits_ != Wait::kNone) return;
  queued_ = true;
  core_->order().AddFirst(ServingOrder::kRead, user_, this);
  // Nothing may come from the socket that would wake the loop.
  core_->loop().Post([] {});
}

void SocketConnection::WatchProgress() {
  if (closing_ || progress_timer_ != 0 || !session_->is_amid_request()) return;
  progress_ = 0;
  const uint64_t wait = static_cast<uint64_t>(core_->limits().slow_request_ms) * kNanosPerMilli;
  progress_timer_ = core_->loop().AddTimer(core_->loop().now() + wait, [this] {
    progress_timer_ = 0;
    const bool is_read = waits_ == Wait::kNone && !queued_ && backlog_.empty();
    if (is_read && progress_ < kLittleProgress && session_->is_amid_request()) {
      return Fail("slow_request");
    }
    WatchProgress();
  });
}

void SocketConnection::KeepBacklog(std::string_view unsent) {
  backlog_ = unsent;
  Watch(EPOLLOUT);
  if (!closing_) StartPatience();
}

void SocketConnection::StartPatience() {
  const uint64_t wait = static_cast<uint64_t>(core_->limits().unread_output_ms) * kNanosPerMilli;
  patience_timer_ = core_->loop().AddTimer(core_->loop().now() + wait, [this] {
    patience_timer_ = 0;
    Close("unread_output");
  });
}

}  // namespace sluice::net
