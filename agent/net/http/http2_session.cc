// Problem: The peer decides which frames come, and in what order. nghttp2 calls back from within
// Receive and Produce, and a callback cannot end the connection on the spot.
//
// States: A session works until failure_ is set: by a flood, by a call to nghttp2 that failed, or
// by what nghttp2 says of the peer. Receive or Produce returns it, and the owner then only tells
// the peer and closes. A call may pause it: then nghttp2 is fed with nothing until Resume has given
// the call what it left. Without a failure it is over once nghttp2 has nothing to read or write. A
// stream is a head under way, then a call (or none, where it was answered at once), then closed.
//
// Invariants:
// * One head_ serves all streams, since HTTP/2 lets no other frame in between the frames of a
//   header block. OnBeginFrame clears it, and what it counts covers trailers as well.
// * For the bytes of a body a window opens again by Consume alone. A call consumes what it took;
//   what comes without a call is consumed at once. Otherwise such bytes would use up the
//   connection's window, and all its other calls would stall.
// * While paused, paused_body_ and paused_input_ lie in kept_, which does not move once the read is
//   dealt with that the pause came in. So a call finds a message that it has begun where it was.
// * A body is put in place only where the last byte fed was within an unpadded DATA frame that
//   nghttp2 gave to its call. What comes next is then that call's, whatever else the peer sends.
// * A stream's user data is its call until OnStreamClosed and no longer, and calls are destroyed at
//   the end of the turn. So no callback meets a call that is gone.
// * Each frame counts in work_ and in flood_guard_, those of unknown types included. A frame that
//   did not would be free for a flood.

#include "agent/net/http/http2_session.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "proto/record/limits.h"

namespace sluice::net {
namespace {

constexpr uint32_t kMaxFrameBytes = 256 * 1024;
// A peer that exceeds the announced limit gets a status; one that exceeds it so far is not worth
// the decoding.
constexpr size_t kHopelessHeaderListBytes = 4 * RequestHead::kMaxHeaderListBytes;
// SETTINGS and PING of the peer that wait for our answer.
constexpr size_t kMaxAcksDue = 2000;
constexpr size_t kMaxSettingsPerFrame = 32;

// Few fields, on the stack.
using FieldList = absl::InlinedVector<nghttp2_nv, 8>;

nghttp2_nv Field(std::string_view name, std::string_view value) {
  // nghttp2 copies what is not flagged; none of it is changed.
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

void AppendFields(const HeaderFields& fields, FieldList* out) {
  for (const auto& [name, value] : fields) out->push_back(Field(name, value));
}

// With room for `more`.
FieldList FieldsOf(const ResponseHead& head, size_t more) {
  FieldList fields;
  fields.reserve(1 + head.fields.size() + more);
  fields.push_back(Field(":status", head.status));
  for (const auto& [name, value] : head.fields) fields.push_back(Field(name, value));
  return fields;
}

Http2Session* Self(void* user_data) { return static_cast<Http2Session*>(user_data); }

std::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool EndsStream(const nghttp2_frame_hd& header) {
  return (header.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

bool IsRequest(const nghttp2_frame& frame) {
  return frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
}

}  // namespace

// nghttp2's C callbacks, bound to the session's methods. One set for all sessions.
struct SessionCallbacks {
  SessionCallbacks() {
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_frame_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame_hd* header, void* self) {
          return Self(self)->OnBeginFrame(*header);
        });
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
           const uint8_t* value, size_t value_size, uint8_t, void* self) {
          return Self(self)->OnHeader(*frame, View(name, name_size), View(value, value_size));
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          return Self(self)->OnFrame(*frame);
        });
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
          return Self(self)->OnInvalidFrame(*frame);
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t stream_id, const uint8_t* bytes, size_t size,
           void* self) { return Self(self)->OnDataChunk(stream_id, View(bytes, size)); });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t stream_id, uint32_t, void* self) {
          if (HttpCall* const call = Self(self)->CallOf(stream_id)) call->OnStreamClosed();
          return 0;
        });
    nghttp2_session_callbacks_set_unpack_extension_callback(
        callbacks, [](nghttp2_session*, void**, const nghttp2_frame_hd*, void*) -> int {
          return NGHTTP2_ERR_CANCEL;
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          Self(self)->OnFrameSent(*frame);
          return 0;
        });
  }

  static ssize_t ReadBody(nghttp2_session*, int32_t stream_id, uint8_t* out, size_t capacity,
                          uint32_t* flags, nghttp2_data_source* source, void* self) {
    return Self(self)->ReadBody(stream_id, static_cast<HttpCall*>(source->ptr), out, capacity,
                                flags);
  }

  nghttp2_session_callbacks* callbacks = nullptr;
};

namespace {

const nghttp2_session_callbacks* Callbacks() {
  static const SessionCallbacks* const callbacks = new SessionCallbacks;
  return callbacks->callbacks;
}

const nghttp2_option* Options() {
  static const nghttp2_option* const options = [] {
    nghttp2_option* made = nullptr;
    nghttp2_option_new(&made);
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    // Else it refuses what some gRPC libraries send as :authority: the path of the socket.
    nghttp2_option_set_no_http_messaging(made, 1);
    nghttp2_option_set_max_outbound_ack(made, kMaxAcksDue);
    nghttp2_option_set_max_settings(made, kMaxSettingsPerFrame);
    // Else frames of unknown types pass without a callback, and so without being counted.
    for (int type = NGHTTP2_ALTSVC; type <= UINT8_MAX; ++type) {
      nghttp2_option_set_user_recv_extension_type(made, static_cast<uint8_t>(type));
    }
    return made;
  }();
  return options;
}

}  // namespace

std::string GoAwayFrame(std::string_view reason) {
  const bool broken = reason == "protocol_error" || reason == "not_http2" || reason == "not_http";
  const auto code = static_cast<char>(broken ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
  const auto length = static_cast<char>(8 + reason.size());
  const char frame[] = {0, 0, length, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code};
  return std::string(frame, sizeof(frame)).append(reason);
}

std::unique_ptr<Http2Session> Http2Session::Create(Owner* owner,
                                                   std::span<const std::string_view> extra_fields) {
  std::unique_ptr<Http2Session> self(new Http2Session(owner, extra_fields));
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new2(&session, Callbacks(), self.get(), Options()) != 0)
    return nullptr;
  self->session_.reset(session);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits::kStreamsPerConnection},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, kMaxFrameBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RequestHead::kMaxHeaderListBytes},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
      nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                            kConnectionWindowBytes) != 0) {
    return nullptr;
  }
  return self;
}

Http2Session::~Http2Session() = default;

const char* Http2Session::Receive(std::string_view bytes, uint64_t now) {
  now_ = now;
  if (!is_paused()) return Feed(bytes);
  KeepMore(bytes);
  return nullptr;
}

InputPlan Http2Session::PlanInput(char* buffer, size_t size) {
  HttpCall* const call = is_amid_body_ ? CallOf(frame_.stream_id) : nullptr;
  const BodyRoom room = call != nullptr ? call->RoomForBody(size) : BodyRoom{};
  if (room.bytes.empty()) return {buffer, size};
  return {frame_, room, buffer, size};
}

const char* Http2Session::Resume(uint64_t now) {
  now_ = now;
  const int32_t stream_id = std::exchange(paused_stream_, 0);
  // Zero: it pauses again.
  if (OnBody(stream_id, std::exchange(paused_body_, {})) != 0) return failure_;
  // Also where nothing is left: the frame's end is still to be dealt with.
  return Feed(std::exchange(paused_input_, {}));
}

const char* Http2Session::Feed(std::string_view bytes) {
  chunk_end_ = nullptr;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (failure_ == nullptr && taken < 0) {
    failure_ = taken == NGHTTP2_ERR_FLOODED            ? "flood_unread_acks"
               : taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? "not_http2"
                                                       : "protocol_error";
  }
  is_amid_body_ = frame_.rest > 0 && chunk_end_ == bytes.data() + bytes.size();
  if (is_paused() && taken >= 0) {
    KeepRest(bytes, static_cast<size_t>(taken));
  } else if (!kept_.empty()) {
    std::exchange(kept_, std::string());
  }
  return failure_;
}

// Of what nghttp2 was fed with it took the first bytes, of which the call left the last ones.
void Http2Session::KeepRest(std::string_view bytes, size_t fed) {
  paused_input_ = bytes.substr(fed);
  if (bytes.data() >= kept_.data() && bytes.data() <= kept_.data() + kept_.size()) return;
  const char* const begin = paused_body_.data();
  kept_.assign(begin, static_cast<size_t>(bytes.data() + bytes.size() - begin));
  paused_body_ = {kept_.data(), paused_body_.size()};
  paused_input_ = std::string_view(kept_).substr(kept_.size() - paused_input_.size());
}

// The rest of what was read where it was paused.
void Http2Session::KeepMore(std::string_view bytes) {
  const size_t body = paused_body_.size();
  const size_t input = paused_input_.size() + bytes.size();
  kept_.append(bytes);
  paused_body_ = std::string_view(kept_).substr(0, body);
  paused_input_ = std::string_view(kept_).substr(kept_.size() - input);
}

int Http2Session::OnDataChunk(int32_t stream_id, std::string_view bytes) {
  frame_.rest -= std::min(frame_.rest, bytes.size());
  chunk_end_ = bytes.data() + bytes.size();
  return OnBody(stream_id, bytes);
}

int Http2Session::OnBody(int32_t stream_id, std::string_view bytes) {
  HttpCall* const call = CallOf(stream_id);
  if (call == nullptr) {
    Consume(stream_id, bytes.size());
    return 0;
  }
  const HttpCall::Taken taken = call->OnBody(bytes);
  if (!taken.pause) return 0;
  paused_stream_ = stream_id;
  paused_body_ = bytes.substr(taken.bytes);
  return NGHTTP2_ERR_PAUSE;
}

const char* Http2Session::Produce(std::string* out, size_t limit) {
  while (failure_ == nullptr && out->size() < limit) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) failure_ = "internal_error";
    if (size <= 0) break;
    out->append(View(bytes, static_cast<size_t>(size)));
  }
  return failure_;
}

const char* Http2Session::Over() const {
  if (is_paused()) return nullptr;
  if (nghttp2_session_want_read(session_.get()) != 0 ||
      nghttp2_session_want_write(session_.get()) != 0) {
    return nullptr;
  }
  return peer_left_ ? "peer" : "protocol_error";
}

size_t Http2Session::TakeWork() { return std::exchange(work_, 0); }

void Http2Session::StartResponse(int32_t stream_id, const ResponseHead& head, HttpCall* call) {
  must_write_ = true;
  FieldList fields = FieldsOf(head, 0);
  nghttp2_data_provider body{.source = {.ptr = call}, .read_callback = SessionCallbacks::ReadBody};
  Check(nghttp2_submit_response(session_.get(), stream_id, fields.data(), fields.size(), &body));
}

void Http2Session::FinishAtOnce(int32_t stream_id, const ResponseHead& head,
                                const HeaderFields& trailers) {
  must_write_ = true;
  FieldList all = FieldsOf(head, trailers.size());
  AppendFields(trailers, &all);
  Check(nghttp2_submit_response(session_.get(), stream_id, all.data(), all.size(), nullptr));
}

void Http2Session::WakeBody(int32_t stream_id) {
  // Fails where the body does not wait, which is as well.
  nghttp2_session_resume_data(session_.get(), stream_id);
}

void Http2Session::Consume(int32_t stream_id, size_t bytes) {
  Check(nghttp2_session_consume(session_.get(), stream_id, bytes));
}

void Http2Session::GoAway() {
  must_write_ = true;
  Check(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_.get()),
                              NGHTTP2_NO_ERROR, nullptr, 0));
}

HttpCall* Http2Session::CallOf(int32_t stream_id) const {
  return static_cast<HttpCall*>(nghttp2_session_get_stream_user_data(session_.get(), stream_id));
}

void Http2Session::Check(int result) {
  if (result != 0 && failure_ == nullptr) failure_ = "internal_error";
}

// Ends the connection when there is a flood.
int Http2Session::EndIfFlood(const char* flood) {
  if (flood == nullptr) return 0;
  failure_ = flood;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::OnBeginFrame(const nghttp2_frame_hd& header) {
  ++work_;
  must_write_ |= has_whole_request_;
  if (header.type == NGHTTP2_HEADERS) head_.Clear();
  const bool is_plain_data =
      header.type == NGHTTP2_DATA && (header.flags & NGHTTP2_FLAG_PADDED) == 0;
  frame_ = {header.stream_id, header.length, is_plain_data ? header.length : 0};
  return EndIfFlood(flood_guard_.OnFrame(header.type, now_));
}

int Http2Session::OnHeader(const nghttp2_frame& frame, std::string_view name,
                           std::string_view value) {
  ++work_;
  if (IsRequest(frame)) {
    head_.Add(name, value, extra_fields_);
  } else {
    head_.Count(name, value);
  }
  return head_.bytes > kHopelessHeaderListBytes ? EndIfFlood("flood_headers") : 0;
}

int Http2Session::OnFrame(const nghttp2_frame& frame) {
  if (IsRequest(frame)) {
    HttpCall* const call = owner_->OnRequest(frame.hd.stream_id, head_);
    Check(nghttp2_session_set_stream_user_data(session_.get(), frame.hd.stream_id, call));
  }
  if (frame.hd.type == NGHTTP2_GOAWAY) peer_left_ = true;
  if (frame.hd.type == NGHTTP2_SETTINGS && !std::exchange(is_greeted_, true)) owner_->OnGreeting();
  if (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS) return 0;
  if (EndsStream(frame.hd)) {
    has_whole_request_ = true;
    if (HttpCall* const call = CallOf(frame.hd.stream_id)) call->OnRequestEnd();
    return 0;
  }
  const bool empty = frame.hd.type == NGHTTP2_DATA && frame.hd.length <= frame.data.padlen;
  return empty ? EndIfFlood(flood_guard_.OnEmptyData(now_)) : 0;
}

int Http2Session::OnInvalidFrame(const nghttp2_frame& frame) {
  if (IsRequest(frame)) owner_->OnStreamRefused();
  return 0;
}

// A response that ends before its request does frees the peer from sending the rest. A stream that
// the peer makes us reset costs what its own reset does.
void Http2Session::OnFrameSent(const nghttp2_frame& frame) {
  must_write_ = true;
  if (frame.hd.type == NGHTTP2_DATA) flood_guard_.OnDataSent();
  if (frame.hd.type == NGHTTP2_RST_STREAM && frame.rst_stream.error_code != NGHTTP2_NO_ERROR) {
    EndIfFlood(flood_guard_.OnForcedReset(now_));
  }
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  if (!EndsStream(frame.hd)) return;
  if (nghttp2_session_get_stream_remote_close(session_.get(), frame.hd.stream_id) != 0) return;
  Check(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, frame.hd.stream_id,
                                  NGHTTP2_NO_ERROR));
}

ssize_t Http2Session::ReadBody(int32_t stream_id, HttpCall* call, uint8_t* out, size_t capacity,
                               uint32_t* flags) {
  const HttpCall::BodyPart part = call->ReadBody(reinterpret_cast<char*>(out), capacity);
  if (!part.last && part.bytes == 0) return NGHTTP2_ERR_DEFERRED;
  if (!part.last) return static_cast<ssize_t>(part.bytes);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (call->trailers().empty()) return static_cast<ssize_t>(part.bytes);
  *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  FieldList trailers;
  AppendFields(call->trailers(), &trailers);
  Check(nghttp2_submit_trailer(session_.get(), stream_id, trailers.data(), trailers.size()));
  return static_cast<ssize_t>(part.bytes);
}

}  // namespace sluice::net
