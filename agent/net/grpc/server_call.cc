#include "agent/net/grpc/server_call.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/net/socket_connection.h"

namespace sluice::net {
namespace {

// The budget is asked in steps, so that small calls cost it nothing.
constexpr size_t kChargeStep = 16 * 1024;
// A send buffer larger than this is given back once it is empty.
constexpr size_t kKeptUnsentBytes = 4 * 1024;

}  // namespace

ServerCall::ServerCall(ServerCore* core, SocketConnection* connection, int32_t stream_id)
    : core_(core), connection_(connection), stream_id_(stream_id), id_(core->AddCall(this)) {}

ServerCall::~ServerCall() {
  Forget();
  core_->budget().Release(connection_->uid(), charged_);
}

Connection& ServerCall::connection() { return *connection_; }

void ServerCall::Begin(const RequestHead& head) {
  if (head.bytes > Http2Session::kMaxHeaderListBytes) {
    return Refuse("headers_too_large",
                  absl::ResourceExhaustedError("the request's header fields are too large"));
  }
  const ServerCore::RouteEntry* const entry = core_->FindRoute(head.path);
  if (entry == nullptr) {
    return Refuse("unknown_method",
                  absl::UnimplementedError(absl::StrCat("no method ", head.path.substr(0, 256))));
  }
  path_ = entry->first;
  const Route* const route = &entry->second;
  reader_.emplace(route->max_message_bytes, &core_->spare());
  if (!head.timeout.empty()) StartDeadline(head.timeout);
  if (finished_) return;
  handler_ = route->factory(*this);
  if (finished_) {
    if (handler_) core_->Bury(std::move(handler_));
  } else if (!handler_) {
    Finish(absl::InternalError("the call has no handler"), {});
  }
}

void ServerCall::StartDeadline(std::string_view timeout) {
  const std::optional<uint64_t> nanos = ParseGrpcTimeout(timeout);
  if (!nanos) {
    return Refuse("malformed_timeout", absl::InternalError("malformed grpc-timeout"));
  }
  deadline_ = core_->loop().AddTimer(core_->loop().now() + *nanos, [this] {
    deadline_ = 0;
    OnDeadline();
  });
}

void ServerCall::OnDeadline() {
  const absl::Status status = absl::DeadlineExceededError("the call's deadline passed");
  if (!taken_) return Refuse("deadline", status);
  core_->counters().Add("net.late_answers", {}, connection_->uid());
  Cancel(status);
}

void ServerCall::Send(std::string_view message) {
  if (finished_ || overfull_) return;
  connection_->MarkBusy();
  if (unsent_bytes() + message.size() > kMaxUnsentBytes) {
    overfull_ = true;
    return;
  }
  AppendMessage(message, &unsent_);
  if (!response_started_) {
    response_started_ = true;
    connection_->session().StartResponse(stream_id_, this);
  } else if (std::exchange(body_waits_, false)) {
    connection_->session().WakeBody(stream_id_);
  }
  if (!ChargeHeld()) overfull_ = true;
}

void ServerCall::Finish(const absl::Status& status, std::optional<int64_t> retry_after_ms) {
  if (finished_) return;
  if (overfull_ && status.ok()) return RefuseForMemory();
  finished_ = true;
  succeeded_ = status.ok();
  if (overfull_) DropAnswer();
  Forget();
  for (auto& field : FormatTrailers(status, retry_after_ms)) trailers_.push_back(std::move(field));
  if (handler_) core_->Bury(std::move(handler_));
  if (!response_started_) {
    connection_->session().FinishAtOnce(stream_id_, "200", trailers_);
  } else if (std::exchange(body_waits_, false)) {
    connection_->session().WakeBody(stream_id_);
  }
  connection_->MarkBusy();
}

void ServerCall::ResumeReading() {
  paused_ = false;
  connection_->MarkBusy();
}

void ServerCall::OnBody(std::string_view bytes) {
  if (finished_) return connection_->session().Consume(stream_id_, bytes.size());
  connection_->AddBody(bytes.size());
  if (!paused_ && held_.empty()) return Deliver(bytes);
  held_.append(bytes);
  if (!ChargeHeld()) RefuseForMemory();
}

// What is not delivered stays unconsumed, so that the peer's window closes.
void ServerCall::Deliver(std::string_view bytes) {
  std::string_view rest = bytes;
  std::string_view message;
  while (!finished_ && !paused_) {
    const MessageReader::Next next = reader_->Read(&rest, &message);
    if (next == MessageReader::Next::kNeedMore || ReadFailed(next)) break;
    connection_->AddWork();
    handler_->OnMessage(message);
    if (!finished_ || succeeded_) connection_->MarkUseful();
  }
  if (finished_) rest = {};
  held_.assign(rest);
  connection_->session().Consume(stream_id_, bytes.size() - rest.size());
  if (!finished_ && !ChargeHeld()) RefuseForMemory();
}

bool ServerCall::ReadFailed(MessageReader::Next next) {
  if (next == MessageReader::Next::kTooLarge) {
    Refuse("message_too_large", absl::ResourceExhaustedError(absl::StrCat(
                                    "the message is too large; this method takes at most ",
                                    reader_->max_message_bytes(), " bytes")));
    return true;
  }
  if (next == MessageReader::Next::kCompressed) {
    trailers_.emplace_back("grpc-accept-encoding", "identity");
    Refuse("compressed", absl::UnimplementedError("compressed messages are not taken"));
    return true;
  }
  return false;
}

void ServerCall::OnRequestEnd() {
  request_ended_ = true;
  if (!finished_ && !paused_ && held_.empty()) EndRequest();
}

void ServerCall::EndRequest() {
  if (std::exchange(half_close_told_, true)) return;
  if (reader_->in_message()) {
    return Refuse("truncated_message", absl::InternalError("the last message is cut short"));
  }
  handler_->OnHalfClose();
}

void ServerCall::AtTurnEnd() {
  if (overfull_ && !finished_) RefuseForMemory();
  if (finished_) return DropRequest();
  if (paused_) return;
  if (!held_.empty()) {
    const std::string held = std::exchange(held_, std::string());
    Deliver(held);
  }
  if (!finished_ && !paused_ && request_ended_) EndRequest();
}

// What was held counts against the connection's window until it is consumed.
void ServerCall::DropRequest() {
  if (!held_.empty()) connection_->session().Consume(stream_id_, held_.size());
  std::exchange(held_, std::string());
  reader_.reset();
  ChargeHeld();
}

// It is more than may be held, and its peer may never read.
void ServerCall::DropAnswer() {
  std::exchange(unsent_, std::string());
  unsent_begin_ = 0;
  ChargeHeld();
}

void ServerCall::NotifyWritable() {
  if (std::exchange(drained_, false) && !finished_ && unsent_bytes() == 0) handler_->OnWritable();
}

Http2Stream::BodyPart ServerCall::ReadBody(char* out, size_t capacity) {
  const size_t size = std::min(capacity, unsent_bytes());
  std::memcpy(out, unsent_.data() + unsent_begin_, size);
  unsent_begin_ += size;
  if (size > 0) connection_->MarkUseful();
  const bool empty = unsent_bytes() == 0;
  if (empty) {
    if (size > 0) drained_ = true;
    unsent_begin_ = 0;
    unsent_.clear();
    if (unsent_.capacity() > kKeptUnsentBytes) std::exchange(unsent_, std::string());
    ChargeHeld();
  } else if (unsent_begin_ > unsent_.size() / 2) {
    unsent_.erase(0, std::exchange(unsent_begin_, 0));
  }
  body_waits_ = size == 0 && !finished_;
  return {size, empty && finished_};
}

void ServerCall::Refuse(const char* reason, const absl::Status& status) {
  core_->counters().Add("net.refused", reason, connection_->uid());
  Cancel(status);
}

void ServerCall::Cancel(const absl::Status& status) {
  std::unique_ptr<CallHandler> handler = std::move(handler_);
  Finish(status, {});
  if (!handler) return;
  handler->OnCancel();
  core_->Bury(std::move(handler));
}

void ServerCall::RefuseForMemory() {
  Refuse("memory", absl::ResourceExhaustedError("too many bytes of this user are under way"));
}

void ServerCall::OnStreamClosed() {
  Abandon();
  DropRequest();
  connection_->BuryCall(this);
}

void ServerCall::Abandon() {
  const bool cancelled = !std::exchange(finished_, true);
  Forget();
  if (!handler_) return;
  if (cancelled) handler_->OnCancel();
  core_->Bury(std::move(handler_));
}

void ServerCall::Forget() {
  core_->RemoveCall(id_);
  core_->loop().CancelTimer(std::exchange(deadline_, 0));
}

bool ServerCall::ChargeHeld() {
  const size_t reader = reader_ ? reader_->held_bytes() : 0;
  const size_t held = reader + held_.capacity() + unsent_.capacity();
  const size_t due = held - held % kChargeStep;
  if (due > charged_ && !core_->budget().Charge(connection_->uid(), due - charged_)) return false;
  if (due < charged_) core_->budget().Release(connection_->uid(), charged_ - due);
  charged_ = due;
  return true;
}

}  // namespace sluice::net
