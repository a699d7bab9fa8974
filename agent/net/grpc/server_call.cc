#include "agent/net/grpc/server_call.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/net/grpc/text.h"

namespace sluice::net {
namespace {

// A send buffer larger than this is given back once it is empty.
constexpr size_t kKeptUnsentBytes = 4 * 1024;

constexpr std::array<ResponseHead::Field, 1> kFields = {{{"content-type", "application/grpc"}}};
constexpr ResponseHead kResponse{.status = "200", .fields = kFields};
constexpr std::array<ResponseHead::Field, 2> kGzipFields = {
    {{"content-type", "application/grpc"}, {"grpc-accept-encoding", "identity,gzip"}}};
constexpr ResponseHead kGzipResponse{.status = "200", .fields = kGzipFields};

}  // namespace

ServerCall::ServerCall(CallRegistry* registry, SocketConnection* connection, int32_t stream_id)
    : registry_(registry),
      connection_(connection),
      stream_id_(stream_id),
      id_(registry->Add(this)) {}

// Handlers first: they hold references to their call.
ServerCall::~ServerCall() {
  handler_.reset();
  retired_handler_.reset();
  Forget();
  connection_->core().budget().Release(connection_->uid(), charged_);
}

Connection& ServerCall::connection() { return *connection_; }

void ServerCall::Begin(const RequestHead& head) {
  if (head.is_too_large()) {
    return Refuse("headers_too_large",
                  absl::ResourceExhaustedError("the request's header fields are too large"));
  }
  const CallRegistry::RouteEntry* const entry = registry_->FindRoute(head.path);
  if (entry == nullptr) {
    return Refuse("unknown_method",
                  absl::UnimplementedError(absl::StrCat("no method ", head.path.substr(0, 256))));
  }
  path_ = entry->first;
  const Route* const route = &entry->second;
  takes_gzip_ = route->takes_gzip;
  max_decompressed_bytes_ = route->max_decompressed_bytes;
  encoding_ = head.Extra(kEncodingField);
  reader_.emplace(route->max_message_bytes, &registry_->spare(), takes_gzip_);
  const std::string_view timeout = head.Extra(kTimeoutField);
  if (!timeout.empty()) StartDeadline(timeout);
  if (finished_) return;
  handler_ = route->factory(*this);
  if (finished_) {
    RetireHandler();
  } else if (!handler_) {
    Finish(absl::InternalError("the call has no handler"), {});
  }
}

void ServerCall::StartDeadline(std::string_view timeout) {
  const std::optional<uint64_t> nanos = ParseGrpcTimeout(timeout);
  if (!nanos) {
    return Refuse("malformed_timeout", absl::InternalError("malformed grpc-timeout"));
  }
  EventLoop& loop = connection_->core().loop();
  deadline_ = loop.now() + *nanos;
  deadline_timer_ = loop.AddTimer(deadline_, [this] {
    deadline_timer_ = 0;
    OnDeadline();
  });
}

void ServerCall::OnDeadline() {
  const absl::Status status = absl::DeadlineExceededError("the call's deadline passed");
  if (!taken_) return Refuse("deadline", status);
  connection_->core().counters().Add("net.late_answers", {}, connection_->uid());
  Cancel(status);
}

OwnedBytes ServerCall::TakeMessage(std::string_view message) {
  if (!is_decoded() && !reader_->holds_message()) return std::string(message);
  OwnedBytes taken = is_decoded() ? std::exchange(decoded_, std::string()) : reader_->TakeMessage();
  ChargeHeld();
  return taken;
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
    connection_->session().StartResponse(stream_id_, takes_gzip_ ? kGzipResponse : kResponse, this);
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
  RetireHandler();
  if (!response_started_) {
    connection_->session().FinishAtOnce(stream_id_, kResponse, trailers_);
  } else if (std::exchange(body_waits_, false)) {
    connection_->session().WakeBody(stream_id_);
  }
  connection_->MarkBusy();
}

HttpCall::Taken ServerCall::OnBody(std::string_view bytes) {
  const size_t size = bytes.size();
  const bool more = !finished_ && TakeMessages(&bytes) && !finished_;
  const size_t taken = more ? size - bytes.size() : size;
  connection_->AddBody(taken);
  connection_->session().Consume(stream_id_, taken);
  return {.bytes = taken, .pause = more};
}

// The room is charged before anything comes for it.
BodyRoom ServerCall::RoomForBody(size_t wanted) {
  if (finished_ || is_under_way_) return {};
  const std::span<char> room = reader_->Room(wanted);
  if (ChargeHeld()) return {room, reader_->missing_bytes()};
  RefuseForMemory();
  return {};
}

bool ServerCall::TakeMessages(std::string_view* bytes) {
  while (const auto message = NextMessage(bytes)) {
    Deliver(*message);
    if (finished_) return false;
    if (is_under_way_) {
      // Put back, so that it stays where it is until it is done with.
      if (message_ahead_ > 0) *bytes = {message->data(), message->size() + bytes->size()};
      return true;
    }
    if (!bytes->empty() && connection_->IsSliceOver(message->size())) return true;
  }
  if (!finished_ && !ChargeHeld()) RefuseForMemory();
  return !finished_ && connection_->IsSliceOver(0);
}

std::optional<std::string_view> ServerCall::NextMessage(std::string_view* bytes) {
  if (is_under_way_) {
    if (message_ahead_ == 0) return held_message_;
    const std::string_view message = bytes->substr(0, message_ahead_);
    bytes->remove_prefix(message.size());
    return message;
  }
  std::exchange(decoded_, std::string());
  message_coding_ = ContentCoding::kIdentity;
  std::string_view message;
  const MessageReader::Next next = reader_->Read(bytes, &message);
  if (next == MessageReader::Next::kNeedMore || ReadFailed(next)) return std::nullopt;
  // Before it is worked on: what is refused for memory costs nothing but its bytes.
  if (!ChargeHeld()) {
    RefuseForMemory();
    return std::nullopt;
  }
  return reader_->is_compressed() ? Decode(message) : message;
}

std::optional<std::string_view> ServerCall::Decode(std::string_view message) {
  const auto coding = ParseContentCoding(encoding_);
  if (coding != ContentCoding::kGzip) {
    RefuseCompressed(absl::UnimplementedError("messages may be compressed with gzip alone"));
    return std::nullopt;
  }
  const size_t most = reader_->max_message_bytes();
  const size_t said = DecodedBound(*coding, message);
  // One that says itself that it is too large costs nothing to refuse.
  if (said > max_decompressed_bytes_ && said <= most) {
    message_coding_ = *coding;
    return message;
  }
  const size_t bound = std::min(said, most);
  ByteBudget& budget = connection_->core().budget();
  if (!budget.Charge(connection_->uid(), bound)) {
    RefuseForMemory();
    return std::nullopt;
  }
  absl::StatusOr<std::string> decoded = DecodeContent(*coding, message, most);
  budget.Release(connection_->uid(), bound);
  if (!decoded.ok()) {
    RefuseCompressed(decoded.status());
    return std::nullopt;
  }
  decoded_ = *std::move(decoded);
  if (reader_->holds_message()) reader_->TakeMessage();
  if (ChargeHeld()) return decoded_;
  RefuseForMemory();
  return std::nullopt;
}

void ServerCall::RefuseCompressed(const absl::Status& status) {
  trailers_.emplace_back("grpc-accept-encoding", takes_gzip_ ? "identity,gzip" : "identity");
  Refuse("compressed", status);
}

void ServerCall::Deliver(std::string_view message) {
  connection_->AddWork();
  continues_ = false;
  if (is_under_way_) {
    handler_->OnContinue(message);
  } else {
    handler_->OnMessage(message);
  }
  is_under_way_ = continues_ && !finished_;
  if (is_under_way_) {
    held_message_ = message;
    const bool lies_here = reader_->holds_message() || is_decoded();
    message_ahead_ = lies_here ? 0 : message.size();
  } else if (finished_ && !succeeded_) {
    connection_->MarkRefused();
  } else {
    connection_->MarkUseful();
  }
}

bool ServerCall::ReadFailed(MessageReader::Next next) {
  if (next == MessageReader::Next::kTooLarge) {
    Refuse("message_too_large", absl::ResourceExhaustedError(absl::StrCat(
                                    "the message is too large; this method takes at most ",
                                    reader_->max_message_bytes(), " bytes")));
    return true;
  }
  if (next == MessageReader::Next::kCompressed) {
    RefuseCompressed(absl::UnimplementedError("compressed messages are not taken"));
    return true;
  }
  return false;
}

void ServerCall::OnRequestEnd() {
  if (finished_) return;
  if (reader_->in_message()) {
    return Refuse("truncated_message", absl::InternalError("the last message is cut short"));
  }
  handler_->OnHalfClose();
}

void ServerCall::AtTurnEnd() {
  if (overfull_ && !finished_) RefuseForMemory();
  if (!finished_) return;
  retired_handler_.reset();
  DropRequest();
}

void ServerCall::DropRequest() {
  if (!reader_) return;
  reader_.reset();
  std::exchange(decoded_, std::string());
  ChargeHeld();
}

// It is more than may be held, and its peer may never read.
void ServerCall::DropAnswer() {
  std::exchange(unsent_, std::string());
  unsent_begin_ = 0;
  ChargeHeld();
}

void ServerCall::OnWritten() {
  if (std::exchange(drained_, false) && !finished_ && unsent_bytes() == 0) handler_->OnWritable();
}

HttpCall::BodyPart ServerCall::ReadBody(char* out, size_t capacity) {
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
  connection_->core().counters().Add("net.refused", reason, connection_->uid());
  Cancel(status);
}

void ServerCall::Cancel(const absl::Status& status) {
  CallHandler* const handler = handler_.get();
  Finish(status, {});
  if (handler != nullptr) handler->OnCancel();
}

void ServerCall::RefuseForMemory() {
  Refuse("memory", absl::ResourceExhaustedError("too many bytes of this user are under way"));
}

void ServerCall::OnStreamClosed() {
  Abandon();
  DropRequest();
  connection_->DeferDelete(this);
}

void ServerCall::Abandon() {
  const bool cancelled = !std::exchange(finished_, true);
  Forget();
  if (!handler_) return;
  if (cancelled) handler_->OnCancel();
  RetireHandler();
}

void ServerCall::RetireHandler() {
  if (handler_) retired_handler_ = std::move(handler_);
}

void ServerCall::Forget() {
  registry_->Remove(id_);
  connection_->core().loop().CancelTimer(std::exchange(deadline_timer_, 0));
}

bool ServerCall::ChargeHeld() {
  const size_t reader = reader_ ? reader_->held_bytes() : 0;
  const size_t held = reader + decoded_.capacity() + unsent_.capacity();
  const size_t due = WholeChargeSteps(held);
  if (due == charged_) return true;
  ByteBudget& budget = connection_->core().budget();
  if (due > charged_ && !budget.Charge(connection_->uid(), due - charged_)) return false;
  if (due < charged_) budget.Release(connection_->uid(), charged_ - due);
  charged_ = due;
  return true;
}

}  // namespace sluice::net
