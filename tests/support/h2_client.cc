#include "tests/support/h2_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::testing {
namespace {

constexpr std::chrono::seconds kPatience{20};

std::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

void CutMessages(H2Client::Call* call) {
  while (call->body.size() >= 5) {
    size_t length = 0;
    for (size_t i = 1; i < 5; ++i) length = length << 8 | static_cast<uint8_t>(call->body[i]);
    if (call->body.size() < 5 + length) return;
    call->messages.push_back(call->body.substr(5, length));
    call->body.erase(0, 5 + length);
  }
}

std::string Number(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

}  // namespace

struct ClientCallbacks {
  static H2Client* Self(void* self) { return static_cast<H2Client*>(self); }

  ClientCallbacks() {
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
           const uint8_t* value, size_t value_size, uint8_t, void* self) {
          Self(self)->calls_[frame->hd.stream_id].fields.insert_or_assign(
              std::string(View(name, name_size)), std::string(View(value, value_size)));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size, void* self) {
          H2Client::Call& call = Self(self)->calls_[id];
          call.body += View(bytes, size);
          CutMessages(&call);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          if (frame->hd.type != NGHTTP2_GOAWAY) return 0;
          Self(self)->told_to_go_ = true;
          Self(self)->goaway_ = View(frame->goaway.opaque_data, frame->goaway.opaque_data_len);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t id, uint32_t, void* self) {
          Self(self)->calls_[id].ended = true;
          return 0;
        });
  }

  static ssize_t ReadBody(nghttp2_session*, int32_t id, uint8_t* out, size_t capacity,
                          uint32_t* flags, nghttp2_data_source*, void* self) {
    H2Client::Call& call = Self(self)->calls_[id];
    const size_t size = std::min(capacity, call.to_send.size());
    std::memcpy(out, call.to_send.data(), size);
    call.to_send.erase(0, size);
    if (call.to_send.empty() && call.half_closed) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (size == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(size);
  }

  nghttp2_session_callbacks* callbacks = nullptr;
};

std::string H2Client::Call::status() const {
  const auto field = fields.find("grpc-status");
  return field == fields.end() ? "" : field->second;
}

H2Client::H2Client(UniqueFd socket) : socket_(std::move(socket)) {
  static const ClientCallbacks* const callbacks = new ClientCallbacks;
  nghttp2_session_client_new(&session_, callbacks->callbacks, this);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
}

H2Client::~H2Client() { nghttp2_session_del(session_); }

int32_t H2Client::Open(std::string_view path, const Fields& extra) {
  Fields fields = {{":method", "POST"},          {":scheme", "http"},
                   {":path", std::string(path)}, {":authority", "localhost"},
                   {"te", "trailers"},           {"content-type", "application/grpc"}};
  for (const auto& [name, value] : extra) {
    std::erase_if(fields, [&name = name](const auto& field) { return field.first == name; });
    fields.emplace_back(name, value);
  }
  std::vector<nghttp2_nv> wire;
  for (auto& [name, value] : fields) {
    wire.push_back({reinterpret_cast<uint8_t*>(name.data()),
                    reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                    NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_data_provider body{.read_callback = ClientCallbacks::ReadBody};
  return nghttp2_submit_request(session_, nullptr, wire.data(), wire.size(), &body, nullptr);
}

void H2Client::Send(int32_t id, std::string_view message) { SendBytes(id, GrpcMessage(message)); }

void H2Client::SendBytes(int32_t id, std::string_view bytes) {
  calls_[id].to_send += bytes;
  nghttp2_session_resume_data(session_, id);
}

void H2Client::HalfClose(int32_t id) {
  calls_[id].half_closed = true;
  nghttp2_session_resume_data(session_, id);
}

void H2Client::Reset(int32_t id) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
}

int32_t H2Client::Ask(std::string_view path, std::string_view message) {
  const int32_t id = Open(path);
  Send(id, message);
  HalfClose(id);
  return id;
}

bool H2Client::Pump() {
  if (connected_) PumpOut();
  if (connected_) PumpIn();
  return connected_;
}

void H2Client::PumpOut() {
  while (true) {
    if (out_.empty()) {
      const uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) return;
      out_ = View(bytes, static_cast<size_t>(size));
    }
    const ssize_t sent =
        ::send(socket_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) return;
    out_.erase(0, static_cast<size_t>(sent));
  }
}

void H2Client::PumpIn() {
  std::array<uint8_t, 65536> buffer;
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
      connected_ = false;
      return;
    }
    nghttp2_session_mem_recv(session_, buffer.data(), static_cast<size_t>(size));
  }
}

bool H2Client::PumpUntil(const std::function<bool()>& done,
                         const std::function<void()>& meanwhile) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    Pump();
    if (done()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (meanwhile) {
      meanwhile();
    } else if (connected_) {
      pollfd ready{socket_.get(), POLLIN, 0};
      ::poll(&ready, 1, 10);
    }
  }
}

std::pair<UniqueFd, UniqueFd> SocketPair() {
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) return {};
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

UniqueFd ConnectUnix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return {};
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

std::string Frame(uint8_t type, uint8_t flags, int32_t stream, std::string_view payload) {
  std::string frame = Number(static_cast<uint32_t>(payload.size()), 3);
  frame += {static_cast<char>(type), static_cast<char>(flags)};
  frame += Number(static_cast<uint32_t>(stream), 4);
  return frame.append(payload);
}

std::string Field(std::string_view name, std::string_view value) {
  std::string field(1, '\0');
  field += static_cast<char>(name.size());
  field += name;
  field += static_cast<char>(value.size());
  return field.append(value);
}

std::string RequestBlock(std::string_view path) {
  return Field(":method", "POST") + Field(":scheme", "http") + Field(":path", path) +
         Field(":authority", "x") + Field("content-type", "application/grpc") +
         Field("te", "trailers");
}

std::string GrpcMessage(std::string_view message) {
  return std::string(1, '\0') + Number(static_cast<uint32_t>(message.size()), 4) +
         std::string(message);
}

}  // namespace sluice::testing
