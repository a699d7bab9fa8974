// One server-side HTTP/2 connection without its socket: bytes in, bytes out, by libnghttp2.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/net/grpc/text.h"
#include "agent/net/http/flood_guard.h"

namespace sluice::net {

// What is kept of a request's header fields.
struct RequestHead {
  std::string path;
  std::string content_type;
  std::string timeout;
  bool is_post = false;
  // Name, value and 32 a field, as SETTINGS_MAX_HEADER_LIST_SIZE counts.
  size_t bytes = 0;

  void Clear();
};

// A request and its response. The session calls; whoever implements it answers through the session.
class Http2Stream {
 public:
  virtual ~Http2Stream() = default;
  // Part of the request's body. The peer may send as much again once Http2Session::Consume was
  // called for it.
  virtual void OnBody(std::string_view bytes) = 0;
  virtual void OnRequestEnd() = 0;
  // The response is out, or the peer reset the stream. Nothing is called afterwards.
  virtual void OnStreamClosed() = 0;

  struct BodyPart {
    size_t bytes;
    bool last;
  };
  // Copies what is ready of the response's body, at most `capacity`. Zero and not last: wait for
  // Http2Session::WakeBody.
  virtual BodyPart ReadBody(char* out, size_t capacity) = 0;
  virtual const HeaderFields& trailers() const = 0;
};

// Limits of HTTP/2 and all floods are dealt with here. Methods other than Receive and Produce may
// be called from within the callbacks.
class Http2Session {
 public:
  static constexpr size_t kMaxHeaderListBytes = 16 * 1024;
  static constexpr uint32_t kStreamWindowBytes = 1024 * 1024;
  static constexpr uint32_t kConnectionWindowBytes = 2 * 1024 * 1024;

  class Owner {
   public:
    virtual ~Owner() = default;
    // A request's head is complete. The stream returned is not owned and must live until its
    // OnStreamClosed or the session's end. Null: what comes on it is ignored.
    virtual Http2Stream* OnRequest(int32_t stream_id, const RequestHead& head) = 0;
    virtual void OnStreamRefused() = 0;
  };

  // Null: out of memory. `owner` outlives the session.
  static std::unique_ptr<Http2Session> Create(Owner* owner);
  ~Http2Session();

  // Takes all of `bytes`. Returns null, or the word for why the connection must end; then only
  // LastWords(reason) is left to send. `now` in nanoseconds.
  const char* Receive(std::string_view bytes, uint64_t now);
  // Appends what is to be sent, until about `limit` bytes are there. Returns as Receive.
  const char* Produce(std::string* out, size_t limit);
  // The bytes that tell a peer why its connection ends: a GOAWAY frame with `reason`.
  static std::string LastWords(std::string_view reason);

  // Null, or why the connection has nothing more to do: `peer`, which said goodbye, or
  // `protocol_error`, which was answered by a GOAWAY.
  const char* Over() const;
  // Frames and header fields since the last call; what a connection costs beside its bytes.
  size_t TakeWork();

  // Status 200, then the body that `stream` gives, then its trailers.
  void StartResponse(int32_t stream_id, Http2Stream* stream);
  // A response without body: `fields` are its only header fields besides status and content type.
  void FinishAtOnce(int32_t stream_id, std::string_view http_status, const HeaderFields& fields);
  void WakeBody(int32_t stream_id);
  void Consume(int32_t stream_id, size_t bytes);
  // Tells the peer to send no new request.
  void GoAway();

 private:
  struct SessionDelete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  explicit Http2Session(Owner* owner) : owner_(owner) {}

  friend struct SessionCallbacks;
  int OnBeginFrame(const nghttp2_frame_hd& header);
  int OnHeader(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  int OnFrame(const nghttp2_frame& frame);
  int OnInvalidFrame(const nghttp2_frame& frame);
  void OnFrameSent(const nghttp2_frame& frame);
  ssize_t ReadBody(int32_t stream_id, Http2Stream* stream, uint8_t* out, size_t capacity,
                   uint32_t* flags);
  int Judge(const char* flood);
  void Check(int result);
  Http2Stream* StreamOf(int32_t stream_id) const;

  Owner* const owner_;
  std::unique_ptr<nghttp2_session, SessionDelete> session_;
  FloodGuard flood_guard_;
  RequestHead head_;  // of the one header block under way
  const char* failure_ = nullptr;
  uint64_t now_ = 0;
  size_t work_ = 0;
  bool peer_left_ = false;
};

}  // namespace sluice::net
