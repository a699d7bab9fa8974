#include "agent/net/socket_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::net {
namespace {

constexpr uint64_t kNanosPerMilli = 1'000'000;
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
// Produced at once, and so at most kept for a peer that does not read.
constexpr size_t kWriteBytes = 64 * 1024;

}  // namespace

SocketConnection::SocketConnection(ServerCore* core, uint64_t id, Peer peer, UniqueFd socket)
    : Connection(id, std::move(peer)), core_(core), socket_(std::move(socket)) {}

SocketConnection::~SocketConnection() {
  if (resting_) core_->RemoveResting(this);
  core_->loop().UnwatchFd(socket_.get());
  core_->loop().CancelTimer(first_request_timer_);
  core_->loop().CancelTimer(patience_timer_);
}

absl::Status SocketConnection::Start() {
  const uint64_t wait = static_cast<uint64_t>(core_->limits().first_request_ms) * kNanosPerMilli;
  first_request_timer_ = core_->loop().AddTimer(core_->loop().now() + wait, [this] {
    first_request_timer_ = 0;
    Fail("first_request_timeout");
  });
  return core_->loop().WatchFd(socket_.get(), EPOLLIN, this);
}

bool SocketConnection::IsOverdrawn() const {
  return core_->loop_share().IsOverdrawn(uid(), core_->loop().now());
}

// The peer is not read from and not noticed when it hangs up: both may be a flood.
void SocketConnection::Rest() {
  if (std::exchange(resting_, true)) return;
  read_size_ = kMinReadBytes;
  core_->loop().UnwatchFd(socket_.get());
  core_->AddResting(this);
}

void SocketConnection::WakeUp() {
  resting_ = false;
  if (!core_->loop().WatchFd(socket_.get(), EPOLLIN, this).ok()) Close("internal_error");
}

void SocketConnection::Watch(uint32_t events) {
  if (resting_) {
    core_->RemoveResting(this);
    WakeUp();
  }
  if (!core_->loop().ChangeEvents(socket_.get(), events).ok()) Close("internal_error");
}

// What a read of `work` frames, fields and messages cost is waste, unless something useful came.
void SocketConnection::Account(size_t work) {
  const uint64_t spent = kNanosPerRead + work * kNanosPerWork;
  const uint64_t worth = std::exchange(body_bytes_, 0) * kNanosPerBodyByte;
  if (std::exchange(useful_, false)) {
    is_new_ = false;
  } else if (spent > worth) {
    Waste(spent - worth);
  }
}

void SocketConnection::Waste(uint64_t nanos) {
  const uint64_t setup = std::exchange(is_new_, false) ? kNanosPerConnection : 0;
  if (core_->loop_share().Waste(uid(), nanos + setup, core_->loop().now())) {
    core_->counters().Add("net.throttled", {}, uid());
  }
}

void SocketConnection::Close(absl::string_view reason) {
  if (std::exchange(closing_, true)) return;
  close_reason_ = std::string(reason);
  core_->loop().UnwatchFd(socket_.get());
  MarkBusy();
}

void SocketConnection::Fail(const char* reason) {
  // As far as it goes: a peer that does not read learns by the end itself.
  if (backlog_.empty()) SendSome(Http2Session::LastWords(reason));
  Close(reason);
}

void SocketConnection::Drain() {
  draining_ = true;
  if (session_) session_->GoAway();
  MarkBusy();
}

void SocketConnection::MarkBusy() {
  if (!ended_ && !std::exchange(busy_, true)) core_->AddBusy(this);
}

void SocketConnection::BuryCall(ServerCall* call) {
  const auto mine = std::find_if(calls_.begin(), calls_.end(),
                                 [call](const auto& each) { return each.get() == call; });
  core_->Bury(std::move(*mine));
  calls_.erase(mine);
  MarkBusy();
}

Http2Stream* SocketConnection::OnRequest(int32_t stream_id, const RequestHead& head) {
  core_->loop().CancelTimer(std::exchange(first_request_timer_, 0));
  const bool is_grpc = IsGrpcContentType(head.content_type);
  if (!head.is_post || (!is_grpc && head.bytes <= Http2Session::kMaxHeaderListBytes)) {
    core_->counters().Add("net.refused", "not_grpc", uid());
    session_->FinishAtOnce(stream_id, head.is_post ? "415" : "405", {});
    return nullptr;
  }
  calls_.push_back(std::make_unique<ServerCall>(core_, this, stream_id));
  ServerCall* const call = calls_.back().get();
  call->Begin(head);
  return call;
}

void SocketConnection::OnStreamRefused() { core_->counters().Add("net.refused", "stream", uid()); }

void SocketConnection::OnFdReady(uint32_t events) {
  if ((events & ~EPOLLIN) != 0) MarkBusy();
  if ((events & ~EPOLLOUT) == 0) return;
  if (IsOverdrawn()) return Rest();
  Read();
}

void SocketConnection::Read() {
  const ssize_t size = ::recv(socket_.get(), core_->read_buffer(), ReadLimit(), MSG_DONTWAIT);
  if (size > 0) return Take({core_->read_buffer(), static_cast<size_t>(size)});
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  Close("peer");
}

size_t SocketConnection::ReadLimit() {
  const size_t share =
      ServerCore::kReadBytes / core_->loop_share().ShareRead(uid(), core_->loop().now());
  return std::max(kMinReadBytes, std::min(read_size_, share));
}

void SocketConnection::Take(std::string_view bytes) {
  if (!session_) session_ = Http2Session::Create(this);
  if (!session_) return Close("memory");
  const char* const failure = session_->Receive(bytes, core_->loop().now());
  const size_t work = std::exchange(work_, 0) + session_->TakeWork();
  AdaptReadSize(bytes.size(), work);
  Account(work);
  if (failure != nullptr) return Fail(failure);
  MarkBusy();
}

void SocketConnection::AdaptReadSize(size_t taken, size_t work) {
  if (work > kMuchWork) {
    read_size_ = std::max(kMinReadBytes, read_size_ / 2);
  } else if (taken == read_size_ && work < kLittleWork) {
    read_size_ = std::min(ServerCore::kReadBytes, read_size_ * 2);
  }
}

bool SocketConnection::AtTurnEnd() {
  busy_ = false;
  // By index: a call's handler may bring about the end of another.
  for (size_t i = 0; i < calls_.size() && !closing_; ++i) calls_[i]->AtTurnEnd();
  if (!closing_ && session_) Write();
  for (size_t i = 0; i < calls_.size() && !closing_; ++i) calls_[i]->NotifyWritable();
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
  if (is_new_) Waste(0);
  for (size_t i = 0; i < calls_.size(); ++i) calls_[i]->Abandon();
  for (std::unique_ptr<ServerCall>& call : calls_) core_->Bury(std::move(call));
  calls_.clear();
}

void SocketConnection::Write() {
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
  Watch(EPOLLIN);
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
