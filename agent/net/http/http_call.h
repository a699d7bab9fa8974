// A request and its response, whatever they carry: what a session and a connection need of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "agent/net/http/input_plan.h"
#include "agent/net/http/request_head.h"

namespace sluice::net {

class SocketConnection;

// Made when a request's head is complete, and owned by its connection until the stream closed or
// the connection ended; destroyed at the end of that turn of the loop. It answers through the
// connection's session.
class HttpCall {
 public:
  virtual ~HttpCall() = default;

  // The session calls:

  struct Taken {
    size_t bytes = 0;
    bool pause = false;
  };
  // Part of the request's body; valid only during the call. The peer may send as much again once
  // HttpSession::Consume was called for it. Takes all of it, or pauses the session: then OnBody is
  // called again in the uid's next turn, with what was not taken (maybe nothing), at a place that
  // stays the same until it is taken; until then nothing else of the session goes on.
  virtual Taken OnBody(std::string_view bytes) = 0;
  // Where the next bytes of the body are best put, about `wanted` of them; empty: nowhere yet. They
  // may be written there before OnBody is given them, which then comes first of all that the
  // session calls. What is written and not given is nothing. It stays until all of it was given, or
  // the turn ends, whatever becomes of the request.
  virtual BodyRoom RoomForBody(size_t /*wanted*/) { return {}; }
  virtual void OnRequestEnd() = 0;
  // The response is out, or the peer reset the stream. Nothing of a session is called afterwards:
  // the call hands itself to SocketConnection::DeferDelete.
  virtual void OnStreamClosed() = 0;

  struct BodyPart {
    size_t bytes;
    bool last;
  };
  // Copies what is ready of the response's body, at most `capacity`. Zero and not last: wait for
  // HttpSession::WakeBody.
  virtual BodyPart ReadBody(char* out, size_t capacity) = 0;
  // Sent behind the last part of the body; empty: none.
  virtual const HeaderFields& trailers() const = 0;

  // The connection calls, at the end of each turn in which it was busy:

  virtual void AtTurnEnd() = 0;
  // After the turn's writes.
  virtual void OnWritten() = 0;
  // The connection ends, and with it the stream. The session is not to be used any more.
  virtual void Abandon() = 0;
};

// One kind of call. Kinds stand side by side on one server; the first that takes a request gets it.
class HttpCallFactory {
 public:
  virtual ~HttpCallFactory() = default;
  // By method, path and content type.
  virtual bool Takes(const RequestHead& head) const = 0;
  // `head` is valid only during the call.
  virtual std::unique_ptr<HttpCall> Make(SocketConnection* connection, int32_t stream_id,
                                         const RequestHead& head) = 0;
  // Header fields that it reads beside those RequestHead has; the names outlive the server.
  virtual std::span<const std::string_view> extra_fields() const { return {}; }
};

}  // namespace sluice::net
