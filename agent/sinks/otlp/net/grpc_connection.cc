// Problem: A request of megabytes is to reach the socket without a copy, while the peer may at any
// moment answer, reset the stream, say goodbye or close. nghttp2 frames the bytes and calls back
// from within its functions.
//
// States: A connection works until broken_ says why it does not. One exchange is under way during
// Call, and none between calls. An exchange has an answer once its trailers came, or its stream was
// closed; the peer may give it before it has read the request.
//
// Invariants:
// * The writer holds pieces of the request until they are written. So Call returns only when the
//   writer is empty or the connection is broken and never written to again.
// * The session forgets the stream before Call returns: an answer to half a request resets it, and
//   the reset is written, too.
// * A timeout or a cancellation breaks the connection; the peer learns from its end.

#include "agent/sinks/otlp/net/grpc_connection.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::otlp {
namespace {

constexpr char kClosed[] = "the connection was closed";
constexpr size_t kPrefixBytes = 5;
constexpr size_t kFirstBytes = 64;
constexpr size_t kReadBytes = 16 * 1024;
// Of an answer's headers and trailers.
constexpr size_t kMaxHeaderBytes = 64 * 1024;
constexpr int32_t kWindowBytes = 1 << 20;
// nghttp2 keeps a buffer of a frame's size, used or not.
constexpr int64_t kMaxFrameBytes = 256 * 1024;
// Reads in a row before the deadline is looked at again.
constexpr int kReadRounds = 64;
// What is left of a request that was answered early is written so long, then the connection ends.
constexpr std::chrono::seconds kFinishTime{1};
// An answer that is no gRPC is read so far, for its words.
constexpr size_t kMaxHttpBodyBytes = 16 * 1024;

absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv Header(absl::string_view name, absl::string_view value,
                  uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  const auto bytes = [](absl::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

// Undoes gRPC's percent encoding; a broken escape stays as it is.
std::string DecodeMessage(absl::string_view encoded) {
  std::string text;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const bool is_escape = encoded[i] == '%' && i + 2 < encoded.size() &&
                           absl::ascii_isxdigit(encoded[i + 1]) &&
                           absl::ascii_isxdigit(encoded[i + 2]);
    if (is_escape) absl::StrAppend(&text, absl::HexStringToBytes(encoded.substr(i + 1, 2)));
    if (!is_escape) text += encoded[i];
    i += is_escape ? 2 : 0;
  }
  return text;
}

// As gRPC maps what a peer resets a stream with, where it matters here: a peer that breaks down
// over a request does so again. Zero: the request may be sent again as it is.
int StatusOfReset(uint32_t error) {
  constexpr int kInternal = 13;
  switch (error) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_INTERNAL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR:
      return kInternal;
    default:
      return 0;
  }
}

}  // namespace

// One call from its request to its answer.
struct GrpcConnection::Exchange {
  const GrpcRequest* request;
  std::array<char, kPrefixBytes> prefix;
  size_t message_bytes = 0;
  int32_t stream_id = 0;

  // What of prefix and message was handed to the writer.
  size_t sent = 0;
  size_t next_piece = 0;
  size_t next_offset = 0;

  GrpcReply reply;
  std::string body;
  size_t header_bytes = 0;
  std::optional<int> grpc_status;
  bool is_grpc = false;
  bool has_head = false;
  bool has_end = false;    // the peer ended its side
  bool is_closed = false;  // the session has forgotten the stream
  uint32_t reset = NGHTTP2_NO_ERROR;

  size_t total() const { return kPrefixBytes + message_bytes; }
  bool done() const { return has_end || is_closed || reply.kind == GrpcReply::Kind::kTooLong; }

  explicit Exchange(const GrpcRequest& call) : request(&call) {
    for (const absl::string_view piece : call.message) message_bytes += piece.size();
    prefix[0] = call.is_gzip ? 1 : 0;
    for (int i = 0; i < 4; ++i) prefix[1 + i] = static_cast<char>(message_bytes >> (24 - 8 * i));
  }

  // The next `size` bytes go to `writer`.
  void Give(size_t size, GatheredWriter* writer) {
    if (sent < kPrefixBytes) {
      const size_t part = std::min(size, kPrefixBytes - sent);
      writer->Lend({prefix.data() + sent, part});
      sent += part;
      size -= part;
    }
    sent += size;
    while (size > 0) {
      const absl::string_view piece = request->message[next_piece].substr(next_offset, size);
      writer->Lend(piece);
      size -= piece.size();
      next_offset += piece.size();
      if (next_offset < request->message[next_piece].size()) continue;
      ++next_piece;
      next_offset = 0;
    }
  }

  bool TakeHeader(absl::string_view name, absl::string_view value) {
    header_bytes += name.size() + value.size() + 32;
    if (header_bytes > kMaxHeaderBytes) return false;
    int number = 0;
    if (name == ":status") {
      has_head = true;
      if (absl::SimpleAtoi(value, &number)) reply.http.status = number;
    } else if (name == "content-type") {
      is_grpc = absl::StartsWith(value, "application/grpc");
      reply.http.content_type = std::string(value);
    } else if (name == "grpc-status") {
      grpc_status = absl::SimpleAtoi(value, &number) ? number : 2;
    } else if (name == "grpc-message") {
      reply.grpc.message = DecodeMessage(value);
    } else if (name == "grpc-status-details-bin") {
      reply.grpc.details = std::string(value);
    } else if (name == "google.rpc.retryinfo-bin") {
      reply.grpc.retry_info = std::string(value);
    } else if (name == "grpc-retry-pushback-ms") {
      reply.grpc.pushback_ms = std::string(value);
    } else if (name == "location") {
      reply.http.location = std::string(value);
    } else if (name == "retry-after" && absl::SimpleAtoi(value, &number) && number >= 0) {
      reply.http.retry_after = std::chrono::seconds(number);
    }
    return true;
  }

  void TakeBody(absl::string_view bytes) {
    if (body.size() + bytes.size() > kMaxResponseBytes + kPrefixBytes) {
      reply.kind = GrpcReply::Kind::kTooLong;
      return;
    }
    const size_t limit = is_grpc ? kMaxResponseBytes + kPrefixBytes : kMaxHttpBodyBytes;
    bytes = bytes.substr(0, limit - std::min(limit, body.size()));
    body.append(bytes.data(), bytes.size());
  }
};

// nghttp2 calls these from within the session's functions.
struct GrpcCallbacks {
  static GrpcConnection* Self(void* self) { return static_cast<GrpcConnection*>(self); }
  static GrpcConnection::Exchange* Of(void* self, int32_t stream_id) {
    GrpcConnection::Exchange* const exchange = Self(self)->exchange_;
    return exchange != nullptr && exchange->stream_id == stream_id ? exchange : nullptr;
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* self) {
    auto* const exchange = Of(self, frame->hd.stream_id);
    if (exchange == nullptr) return 0;
    const bool taken = exchange->TakeHeader(View(name, name_size), View(value, value_size));
    return taken ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int OnBody(nghttp2_session*, uint8_t, int32_t stream_id, const uint8_t* bytes, size_t size,
                    void* self) {
    if (auto* const exchange = Of(self, stream_id)) exchange->TakeBody(View(bytes, size));
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(self)->has_goodbye_ = true;
    const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    auto* const exchange = Of(self, frame->hd.stream_id);
    if (exchange != nullptr && may_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      exchange->has_end = true;
    }
    return 0;
  }

  static int OnClose(nghttp2_session*, int32_t stream_id, uint32_t error, void* self) {
    if (auto* const exchange = Of(self, stream_id)) {
      exchange->is_closed = true;
      exchange->reset = error;
    }
    return 0;
  }

  static ssize_t FrameSize(nghttp2_session*, uint8_t, int32_t, int32_t session_window,
                           int32_t stream_window, uint32_t frame_limit, void*) {
    return std::min(
        {int64_t{session_window}, int64_t{stream_window}, int64_t{frame_limit}, kMaxFrameBytes});
  }

  static ssize_t BodySize(nghttp2_session*, int32_t stream_id, uint8_t*, size_t capacity,
                          uint32_t* flags, nghttp2_data_source*, void* self) {
    const auto* const exchange = Of(self, stream_id);
    if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t size = std::min(capacity, exchange->total() - exchange->sent);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (exchange->sent + size == exchange->total()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }

  static int SendBody(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t size,
                      nghttp2_data_source*, void* self) {
    constexpr size_t kFrameHeadBytes = 9;
    GatheredWriter& writer = Self(self)->writer_;
    if (!writer.has_room()) return NGHTTP2_ERR_WOULDBLOCK;
    auto* const exchange = Of(self, frame->hd.stream_id);
    if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    writer.Copy(View(head, kFrameHeadBytes));
    exchange->Give(size, &writer);
    return 0;
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* made = nullptr;
    if (nghttp2_session_callbacks_new(&made) != 0) return nullptr;
    nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnBody);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnClose);
    nghttp2_session_callbacks_set_data_source_read_length_callback(made, FrameSize);
    nghttp2_session_callbacks_set_send_data_callback(made, SendBody);
    return made;
  }
};

std::unique_ptr<GrpcConnection> GrpcConnection::Create(std::unique_ptr<ByteStream> stream) {
  std::unique_ptr<GrpcConnection> connection(new GrpcConnection(std::move(stream)));
  return connection->StartSession() ? std::move(connection) : nullptr;
}

GrpcConnection::~GrpcConnection() { nghttp2_session_del(session_); }

bool GrpcConnection::StartSession() {
  static nghttp2_session_callbacks* const callbacks = GrpcCallbacks::Make();
  if (callbacks == nullptr) return false;
  if (nghttp2_session_client_new(&session_, callbacks, this) != 0) return false;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes}};
  return nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0 &&
         nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindowBytes) == 0;
}

GrpcReply GrpcConnection::Call(const GrpcRequest& request, Deadline deadline,
                               const Cancellation& cancellation) {
  Exchange exchange(request);
  exchange_ = &exchange;
  if (Submit(request, deadline, &exchange)) Move(&exchange, deadline, cancellation);
  if (broken_.empty() && exchange.done()) Finish(&exchange, deadline, cancellation);
  exchange_ = nullptr;
  Conclude(&exchange);
  return std::move(exchange.reply);
}

bool GrpcConnection::Submit(const GrpcRequest& request, Deadline deadline, Exchange* exchange) {
  std::vector<nghttp2_nv> headers = {
      Header(":method", "POST"),
      Header(":scheme", request.scheme),
      Header(":path", request.path),
      Header(":authority", request.authority),
      Header("te", "trailers"),
      Header("content-type", "application/grpc"),
      Header("user-agent", request.user_agent),
  };
  if (request.is_gzip) headers.push_back(Header("grpc-encoding", "gzip"));
  // At most 8 digits.
  const std::string timeout = absl::StrCat(std::min(PollTimeout(deadline), 99'999'999), "m");
  if (deadline != Deadline::max()) headers.push_back(Header("grpc-timeout", timeout));
  // These may be secrets, which do not belong into tables of header compression.
  for (const auto& [name, value] : request.headers) {
    headers.push_back(Header(name, value, NGHTTP2_NV_FLAG_NO_INDEX));
  }
  const nghttp2_data_provider body = {.source = {}, .read_callback = GrpcCallbacks::BodySize};
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &body, nullptr);
  if (id < 0) Break(nghttp2_strerror(id));
  exchange->stream_id = id;
  return id >= 0;
}

// Until there is an answer or there will be none.
void GrpcConnection::Move(Exchange* exchange, Deadline deadline, const Cancellation& cancellation) {
  while (true) {
    const short writing = Flush();
    if (exchange->done() || !broken_.empty()) return;
    if (!stream_->has_buffered()) {
      const short events = static_cast<short>(POLLIN | writing);
      const WaitResult wait = WaitFor(stream_->fd(), events, deadline, cancellation);
      if (wait != WaitResult::kReady) {
        const bool is_late = wait == WaitResult::kTimeout;
        exchange->reply.kind = is_late ? GrpcReply::Kind::kTimeout : GrpcReply::Kind::kCancelled;
        return Break(is_late ? "no answer in time" : "cancelled");
      }
    }
    // Some of an answer may have come before the end.
    Receive();
    if (exchange->done()) return;
  }
}

// Gets rid of what is left of the request.
void GrpcConnection::Finish(Exchange* exchange, Deadline deadline,
                            const Cancellation& cancellation) {
  if (!exchange->is_closed) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, exchange->stream_id, NGHTTP2_CANCEL);
  }
  const Deadline end = std::min(deadline, std::chrono::steady_clock::now() + kFinishTime);
  while (const short writing = Flush()) {
    const WaitResult wait = WaitFor(stream_->fd(), writing, end, cancellation);
    if (wait != WaitResult::kReady) return Break("it did not read to the end of a request");
  }
}

// Writes what there is to write; what to poll for where the stream takes no more, else 0.
short GrpcConnection::Flush() {
  while (broken_.empty()) {
    const IoResult result = writer_.Flush(stream_.get());
    if (result.kind == IoResult::Kind::kWouldBlock) return result.wait_events;
    if (result.kind != IoResult::Kind::kMoved) {
      // The peer may have said why before it closed.
      Receive();
      Break(result.error.empty() ? kClosed : result.error);
    } else if (!Produce()) {
      return 0;
    }
  }
  return 0;
}

// Fills the writer; false: there is nothing to write.
bool GrpcConnection::Produce() {
  while (writer_.has_room()) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) Break(nghttp2_strerror(static_cast<int>(size)));
    if (size <= 0) break;
    writer_.Copy(View(bytes, static_cast<size_t>(size)));
  }
  return !writer_.empty();
}

// Takes in what the peer sent; false: nothing came.
bool GrpcConnection::Receive() {
  std::array<char, kReadBytes> buffer;
  for (int round = 0; round < kReadRounds && broken_.empty(); ++round) {
    const IoResult result = stream_->Read(buffer.data(), buffer.size());
    if (result.kind == IoResult::Kind::kWouldBlock) return round > 0;
    if (result.kind != IoResult::Kind::kMoved) {
      Break(result.error.empty() ? kClosed : result.error);
      return true;
    }
    if (first_bytes_.size() < kFirstBytes)
      first_bytes_.append(buffer.data(), std::min(result.bytes, kFirstBytes));
    const auto* const bytes = reinterpret_cast<const uint8_t*>(buffer.data());
    const ssize_t taken = nghttp2_session_mem_recv(session_, bytes, result.bytes);
    if (taken < 0) Break(nghttp2_strerror(static_cast<int>(taken)));
  }
  return true;
}

bool GrpcConnection::usable() {
  if (broken_.empty()) Receive();
  // The answer to a PING, or to SETTINGS.
  if (broken_.empty() && Flush() != 0) Break("it does not read");
  return broken_.empty() && !has_goodbye_ && nghttp2_session_check_request_allowed(session_) != 0;
}

void GrpcConnection::Break(std::string why) {
  if (broken_.empty()) broken_ = std::move(why);
}

std::string GrpcConnection::ExplainFirstBytes() const {
  if (absl::StartsWith(first_bytes_, "HTTP/1.")) {
    return "an HTTP/1.1 server answers there, so this may be an OTLP/HTTP port: protocol = "
           "\"http/protobuf\"";
  }
  // An alert of TLS.
  if (absl::StartsWith(first_bytes_, "\x15\x03")) return "the server wants TLS: use https://";
  return {};
}

void GrpcConnection::Conclude(Exchange* exchange) {
  GrpcReply& reply = exchange->reply;
  using Kind = GrpcReply::Kind;
  if (reply.kind != Kind::kNoAnswer) return;
  if (exchange->grpc_status) {
    reply.kind = Kind::kGrpc;
    reply.grpc.status = *exchange->grpc_status;
    if (exchange->body.size() > kPrefixBytes && exchange->body[0] == 0) {
      reply.grpc.response = exchange->body.substr(kPrefixBytes);
    }
    return;
  }
  const bool is_whole = exchange->has_end || exchange->is_closed;
  if (is_whole && StatusOfReset(exchange->reset) != 0) {
    reply.kind = Kind::kGrpc;
    reply.grpc.status = StatusOfReset(exchange->reset);
    reply.grpc.message = absl::StrCat("stream reset, ", nghttp2_http2_strerror(exchange->reset));
    return;
  }
  if (exchange->has_end && (reply.http.status != 200 || !exchange->is_grpc)) {
    reply.kind = Kind::kHttp;
    reply.http.body = std::move(exchange->body);
    return;
  }
  reply.kind = exchange->has_head ? Kind::kCutOff : Kind::kNoAnswer;
  reply.is_untouched = exchange->reset == NGHTTP2_REFUSED_STREAM;
  reply.trouble = ExplainFirstBytes();
  if (!reply.trouble.empty()) return;
  reply.trouble = broken_.empty()
                      ? absl::StrCat("stream reset, ", nghttp2_http2_strerror(exchange->reset))
                      : broken_;
  if (first_bytes_.empty() && broken_ == kClosed) {
    reply.trouble += exchange->request->scheme == "https"
                         ? " without a word; a server does so that wants another client "
                           "certificate: client_cert_file"
                         : " without a word; a server that wants TLS does so: use https://";
  }
}

}  // namespace sluice::otlp
