// A gRPC call as an HTTP server sees it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/net/grpc/call.h"
#include "agent/net/grpc/call_registry.h"
#include "agent/net/grpc/frame.h"
#include "agent/net/http/http_call.h"
#include "agent/net/http/socket_connection.h"

namespace sluice::net {

// The header field for a call's deadline.
inline constexpr std::string_view kTimeoutField = "grpc-timeout";
// What its messages are compressed with.
inline constexpr std::string_view kEncodingField = "grpc-encoding";

class ServerCall final : public Call, public HttpCall {
 public:
  // Both outlive it.
  ServerCall(CallRegistry* registry, SocketConnection* connection, int32_t stream_id);
  ~ServerCall() override;

  // Makes the handler for `head`, or refuses the call.
  void Begin(const RequestHead& head);

  // Call:
  CallId id() const override { return id_; }
  Connection& connection() override;
  std::string_view path() const override { return path_; }
  uint64_t deadline() const override { return deadline_; }
  ContentCoding message_coding() const override { return message_coding_; }
  OwnedBytes TakeMessage(std::string_view message) override;
  void Send(std::string_view message) override;
  void Finish(const absl::Status& status, std::optional<int64_t> retry_after_ms) override;
  bool finished() const override { return finished_; }
  void MarkTaken() override { taken_ = true; }
  void ContinueLater() override { continues_ = true; }
  size_t unsent_bytes() const override { return unsent_.size() - unsent_begin_; }

  // HttpCall:
  Taken OnBody(std::string_view bytes) override;
  BodyRoom RoomForBody(size_t wanted) override;
  void OnRequestEnd() override;
  void OnStreamClosed() override;
  BodyPart ReadBody(char* out, size_t capacity) override;
  const HeaderFields& trailers() const override { return trailers_; }
  void AtTurnEnd() override;
  // Tells the handler that all it sent is out, where that came true since the last call.
  void OnWritten() override;
  void Abandon() override;

 private:
  void StartDeadline(std::string_view timeout);
  void OnDeadline();
  // From the front of `*bytes`. True: there is more to do, in a later turn.
  bool TakeMessages(std::string_view* bytes);
  // The next message; nullopt: none is whole, or the call is refused.
  std::optional<std::string_view> NextMessage(std::string_view* bytes);
  void Deliver(std::string_view message);
  bool ReadFailed(MessageReader::Next next);
  // The message without its compression, or as it came where that takes long; nullopt: the call is
  // refused.
  std::optional<std::string_view> Decode(std::string_view message);
  // Whether the message that was delivered last lies in decoded_.
  bool is_decoded() const {
    return reader_->is_compressed() && message_coding_ == ContentCoding::kIdentity;
  }
  void RefuseCompressed(const absl::Status& status);
  // Ends the call for both sides: counts `reason`, answers with `status`, cancels the handler.
  void Refuse(const char* reason, const absl::Status& status);
  void Cancel(const absl::Status& status);
  void RefuseForMemory();
  void RetireHandler();
  void Forget();
  void DropRequest();
  void DropAnswer();
  bool ChargeHeld();

  CallRegistry* const registry_;
  SocketConnection* const connection_;
  const int32_t stream_id_;
  const CallId id_;
  std::string_view path_;  // the route's
  bool takes_gzip_ = false;
  size_t max_decompressed_bytes_ = 0;
  std::string encoding_;
  std::unique_ptr<CallHandler> handler_;
  // What handled a finished call, and may still be on the stack.
  std::unique_ptr<CallHandler> retired_handler_;
  std::optional<MessageReader> reader_;
  ContentCoding message_coding_ = ContentCoding::kIdentity;  // as message_coding()
  std::string decoded_;  // the message that was delivered last, where it came compressed
  // The message that is worked on in turns, where it lies with the reader or in decoded_; else its
  // size, and it is the first of what was not taken.
  std::string_view held_message_;
  size_t message_ahead_ = 0;
  bool is_under_way_ = false;
  uint64_t deadline_ = 0;
  EventLoop::TimerId deadline_timer_ = 0;

  std::string unsent_;  // of the response, from unsent_begin_ on
  size_t unsent_begin_ = 0;
  size_t charged_ = 0;  // to the budget, for the memory of that and of the reader
  HeaderFields trailers_;

  bool response_started_ = false;
  bool body_waits_ = false;
  bool drained_ = false;
  bool overfull_ = false;
  bool taken_ = false;
  bool continues_ = false;
  bool finished_ = false;
  bool succeeded_ = false;
};

}  // namespace sluice::net
