// One gRPC call on a Channel: its outgoing messages, its incoming messages, how it ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/rpc/message_reader.h"
#include "client/rpc/status.h"

struct nghttp2_session;

namespace sluice::rpc {

// Made by Channel::Start. Destroyed before its end, it is cancelled.
class Call {
 public:
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Queues one message.
  void Send(std::string_view message);
  // Likewise, of `size` bytes which the caller appends to the returned string before Resume.
  std::string& BeginSend(size_t size);
  void Resume();
  // No more messages follow.
  void CloseSend();
  // Whether everything queued was handed to the session.
  bool sent_all() const { return sent_ == outgoing_.size(); }

  // The call is over, and status() says how.
  bool done() const { return done_; }
  const Status& status() const { return status_; }
  // False once the message callback asked to stop.
  bool wanted() const { return wanted_; }

 private:
  friend class Channel;
  friend struct SessionCallbacks;
  using OnMessage = std::function<bool(std::string_view message)>;

  Call(nghttp2_session* session, OnMessage on_message)
      : session_(session), on_message_(std::move(on_message)) {}

  // What the session tells.
  void OnHeader(std::string_view name, std::string_view value);
  bool OnBody(std::string_view bytes);
  void OnClose(uint32_t http2_error);
  // Of what is queued, so much of `capacity` goes into the next frame.
  size_t PlanFrame(size_t capacity, bool* end) const;
  // The next `size` bytes, until more is queued.
  std::string_view TakeBody(size_t size);

  Status FinalStatus(uint32_t http2_error) const;

  nghttp2_session* session_;  // null once the stream is closed
  int32_t stream_id_ = 0;
  OnMessage on_message_;

  std::string outgoing_;
  size_t sent_ = 0;
  bool send_closed_ = false;

  MessageReader incoming_;
  std::string http_status_;
  std::optional<int> grpc_status_;
  std::string grpc_message_;
  std::optional<std::chrono::milliseconds> pushback_;

  bool wanted_ = true;
  bool done_ = false;
  Status status_;
};

// Undoes gRPC's percent encoding of `grpc-message`; a broken escape stays as it is.
std::string DecodeGrpcMessage(std::string_view encoded);

}  // namespace sluice::rpc
