// One server-side HTTP connection without its socket: bytes in, bytes out. It knows what HTTP knows
// and nothing of what requests carry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "agent/net/http/http_call.h"
#include "agent/net/http/input_plan.h"
#include "agent/net/http/request_head.h"

namespace sluice::net {

// A response's status and header fields; what is pointed to is copied.
struct ResponseHead {
  using Field = std::pair<std::string_view, std::string_view>;
  std::string_view status = "200";
  std::span<const Field> fields;
};

// Limits of the protocol and all floods are dealt with here. Methods other than Receive and Produce
// may be called from within the callbacks.
class HttpSession {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // A request's head is complete. The call returned is not owned and must live until its
    // OnStreamClosed or the session's end. Null: it is answered, and what else comes on the stream
    // is ignored.
    virtual HttpCall* OnRequest(int32_t stream_id, const RequestHead& head) = 0;
    virtual void OnStreamRefused() = 0;
    // The peer has shown that it speaks the protocol, before its first request.
    virtual void OnGreeting() = 0;
  };

  virtual ~HttpSession() = default;

  // Takes all of `bytes`; what a call pauses before is kept. While paused only what came in the
  // same read. Returns null, or the word for why the connection must end; then only
  // ClosingBytes(reason) is left to send. `now` in nanoseconds.
  virtual const char* Receive(std::string_view bytes, uint64_t now) = 0;
  // Where the next `size` bytes at most are to be read to, of which `buffer` takes all but what has
  // a better place. What came is received at once.
  virtual InputPlan PlanInput(char* buffer, size_t size) { return {buffer, size}; }
  // What comes next tells where that belongs which is behind it, so that little is to be read with
  // it.
  virtual bool is_before_body() const { return false; }
  // A call takes its time (HttpCall::OnBody) and holds up what came behind it, or what came is not
  // looked at yet.
  virtual bool is_paused() const = 0;
  // It keeps as much as it can until an answer is out: nothing more is to be received.
  virtual bool is_full() const { return false; }
  // Part of a request came, and the peer has to send the rest for anything to go on.
  virtual bool is_amid_request() const { return false; }
  // Goes on with what a call, or an answer that is out by now, held up; as Receive.
  virtual const char* Resume(uint64_t now) = 0;
  // Memory in use for it.
  virtual size_t kept_bytes() const = 0;
  // The peer waits for an answer and for nothing else that is to be sent by now.
  virtual bool awaits_answer_alone() const { return false; }
  // Appends what is to be sent, until about `limit` bytes are there. Returns as Receive.
  virtual const char* Produce(std::string* out, size_t limit) = 0;
  // What tells a peer why its connection ends.
  virtual std::string ClosingBytes(std::string_view reason) const = 0;

  // Null, or why the connection has nothing more to do: `peer`, which said goodbye, or
  // `protocol_error`, of which the peer was told.
  virtual const char* Over() const = 0;
  // Frames and header fields since the last call; what a connection costs beside its bytes.
  virtual size_t TakeWork() = 0;

  // The response's head, then the body that `call` gives, then its trailers.
  virtual void StartResponse(int32_t stream_id, const ResponseHead& head, HttpCall* call) = 0;
  // A response without body. `trailers` are more header fields.
  virtual void FinishAtOnce(int32_t stream_id, const ResponseHead& head,
                            const HeaderFields& trailers) = 0;
  // The call's body has more to read, or its end.
  virtual void WakeBody(int32_t stream_id) = 0;
  // The peer may send so much more.
  virtual void Consume(int32_t stream_id, size_t bytes) = 0;
  // Tells the peer to send no new request.
  virtual void GoAway() = 0;
};

}  // namespace sluice::net
