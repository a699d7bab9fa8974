// A Call on an HTTP/2 stream.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/net/grpc/call.h"
#include "agent/net/grpc/frame.h"
#include "agent/net/http/http2_session.h"
#include "agent/net/server_core.h"

namespace sluice::net {

// Owned by its connection until its stream closed, then by the grave. Until then it may use the
// session.
class ServerCall final : public Call, public Http2Stream {
 public:
  ServerCall(ServerCore* core, SocketConnection* connection, int32_t stream_id);
  ~ServerCall() override;

  // Makes the handler for `head`, or refuses the call.
  void Begin(const RequestHead& head);
  // The connection ends, and with it the stream.
  void Abandon();
  // Delivers what was held back while paused, and gives back memory.
  void AtTurnEnd();
  // Tells the handler that all it sent is out, where that came true since the last call.
  void NotifyWritable();

  // Call:
  CallId id() const override { return id_; }
  Connection& connection() override;
  std::string_view path() const override { return path_; }
  void Send(std::string_view message) override;
  void Finish(const absl::Status& status, std::optional<int64_t> retry_after_ms) override;
  bool finished() const override { return finished_; }
  void MarkTaken() override { taken_ = true; }
  void PauseReading() override { paused_ = true; }
  void ResumeReading() override;
  size_t unsent_bytes() const override { return unsent_.size() - unsent_begin_; }

  // Http2Stream:
  void OnBody(std::string_view bytes) override;
  void OnRequestEnd() override;
  void OnStreamClosed() override;
  BodyPart ReadBody(char* out, size_t capacity) override;
  const HeaderFields& trailers() const override { return trailers_; }

 private:
  void StartDeadline(std::string_view timeout);
  void OnDeadline();
  void Deliver(std::string_view bytes);
  void EndRequest();
  bool ReadFailed(MessageReader::Next next);
  // Ends the call for both sides: counts `reason`, answers with `status`, cancels the handler.
  void Refuse(const char* reason, const absl::Status& status);
  void Cancel(const absl::Status& status);
  void RefuseForMemory();
  void Forget();
  void DropRequest();
  void DropAnswer();
  bool ChargeHeld();

  ServerCore* const core_;
  SocketConnection* const connection_;
  const int32_t stream_id_;
  const CallId id_;
  std::string_view path_;  // the route's
  std::unique_ptr<CallHandler> handler_;
  std::optional<MessageReader> reader_;
  EventLoop::TimerId deadline_ = 0;

  std::string held_;    // of the request, undelivered while paused
  std::string unsent_;  // of the response, from unsent_begin_ on
  size_t unsent_begin_ = 0;
  size_t charged_ = 0;  // to the budget, for the memory of the two and of the reader
  HeaderFields trailers_;

  bool paused_ = false;
  bool request_ended_ = false;
  bool half_close_told_ = false;
  bool response_started_ = false;
  bool body_waits_ = false;
  bool drained_ = false;
  bool overfull_ = false;
  bool taken_ = false;
  bool finished_ = false;
  bool succeeded_ = false;
};

}  // namespace sluice::net
