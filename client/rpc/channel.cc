#include "client/rpc/channel.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "proto/record/names.h"

namespace sluice::rpc {
namespace {

// The peer may send so much before we give room again: more than any answer needs at once.
constexpr int32_t kWindowBytes = 1 << 20;
constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kFrameHeaderBytes = 9;
// Small frames go out together, as far as this: a system call costs more than a copy, and the peer
// finds the whole request when it first wakes. Beyond this, bytes would leave the caches before
// they leave for the peer.
constexpr size_t kGatherBytes = 128 * 1024;
// Reads in a row before the deadline is looked at again.
constexpr int kReadRounds = 64;

const Status kOutOfMemory = {.outcome = Outcome::kBroken, .message = "out of memory"};

Status Broken(std::string message) {
  return {.outcome = Outcome::kBroken, .message = std::move(message)};
}

Status TimedOut(std::string_view method) {
  return {.outcome = Outcome::kTimeout, .message = "no answer in time to " + std::string(method)};
}

nghttp2_nv Header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// None where it has passed.
timespec TimeLeft(Deadline deadline) {
  const Deadline now = std::chrono::steady_clock::now();
  if (deadline <= now) return {};
  const int64_t left = std::chrono::nanoseconds(deadline - now).count();
  return {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
}

std::string FormatTimeout(Deadline deadline) { return std::to_string(PollTimeout(deadline)) + "m"; }

}  // namespace

// nghttp2 calls these from within the session's functions; an exception must not cross its frames.
struct SessionCallbacks {
  static Call* CallOf(nghttp2_session* session, int32_t stream_id) {
    return static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream_id));
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
    Call* const call = CallOf(session, frame->hd.stream_id);
    if (call == nullptr) return 0;
    try {
      call->OnHeader({reinterpret_cast<const char*>(name), name_size},
                     {reinterpret_cast<const char*>(value), value_size});
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
  }

  static int OnBody(nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t* bytes,
                    size_t size, void*) {
    Call* const call = CallOf(session, stream_id);
    if (call == nullptr) return 0;
    try {
      const bool readable = call->OnBody({reinterpret_cast<const char*>(bytes), size});
      return readable ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }

  static int OnClose(nghttp2_session* session, int32_t stream_id, uint32_t error, void* channel) {
    --static_cast<Channel*>(channel)->open_calls_;
    Call* const call = CallOf(session, stream_id);
    if (call == nullptr) return 0;
    try {
      call->OnClose(error);
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
  }

  // How much of the body goes into the next frame, whose bytes SendFrame then fetches.
  static ssize_t PlanFrame(nghttp2_session* session, int32_t stream_id, uint8_t*, size_t capacity,
                           uint32_t* flags, nghttp2_data_source*, void*) {
    Call* const call = CallOf(session, stream_id);
    if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    bool end = false;
    const size_t size = call->PlanFrame(capacity, &end);
    if (size == 0 && !end) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }

  static int SendFrame(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header,
                       size_t size, nghttp2_data_source*, void* channel) {
    Call* const call = CallOf(session, frame->hd.stream_id);
    if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    try {
      const bool had_room = static_cast<Channel*>(channel)->GatherFrame(
          call, {reinterpret_cast<const char*>(header), kFrameHeaderBytes}, size);
      return had_room ? 0 : NGHTTP2_ERR_WOULDBLOCK;
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }
};

Status Channel::Open(const std::string& socket_path, Deadline deadline,
                     std::unique_ptr<Channel>* channel) {
  Socket socket;
  const Status status = Socket::Connect(socket_path, deadline, &socket);
  if (!status.ok()) return status;
  *channel = Create(std::move(socket));
  return *channel ? Status() : kOutOfMemory;
}

std::unique_ptr<Channel> Channel::Create(Socket socket) {
  std::unique_ptr<Channel> channel(new Channel(std::move(socket)));
  if (!channel->StartSession()) return nullptr;
  return channel;
}

Channel::~Channel() { nghttp2_session_del(session_); }

bool Channel::StartSession() {
  nghttp2_session_callbacks* callbacks;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
  nghttp2_session_callbacks_set_on_header_callback(callbacks, SessionCallbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, SessionCallbacks::OnBody);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, SessionCallbacks::OnClose);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, SessionCallbacks::SendFrame);
  const int error = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (error != 0) return false;
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes}};
  return nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0 &&
         nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindowBytes) == 0;
}

std::unique_ptr<Call> Channel::Start(std::string_view method, Deadline deadline,
                                     OnMessage on_message) {
  std::unique_ptr<Call> call(new Call(session_, std::move(on_message)));
  const std::string timeout = FormatTimeout(deadline);
  const std::array headers = {
      Header(":method", "POST"),      Header(":scheme", "http"),
      Header(":path", method),        Header(":authority", "localhost"),
      Header("te", "trailers"),       Header("content-type", "application/grpc"),
      Header("user-agent", "sluice"), Header("grpc-timeout", timeout)};
  const size_t count = deadline == Deadline::max() ? headers.size() - 1 : headers.size();
  const nghttp2_data_provider body = {.source = {}, .read_callback = SessionCallbacks::PlanFrame};
  call->stream_id_ =
      nghttp2_submit_request(session_, nullptr, headers.data(), count, &body, call.get());
  if (call->stream_id_ >= 0) {
    ++open_calls_;
  } else {
    call->OnClose(NGHTTP2_REFUSED_STREAM);
  }
  return call;
}

Status Channel::Unary(std::string_view method, std::string_view request, Deadline deadline,
                      std::string* response) {
  bool answered = false;
  const Status status = ServerStream(method, request, deadline, [&](std::string_view message) {
    response->assign(message);
    answered = true;
    return true;
  });
  if (status.ok() && !answered) return Broken("no message in the answer");
  return status;
}

Status Channel::ServerStream(std::string_view method, std::string_view request, Deadline deadline,
                             const OnMessage& on_message) {
  const std::unique_ptr<Call> call = Start(method, deadline, on_message);
  call->Send(request);
  call->CloseSend();
  const Status status = RunToEnd(call.get(), deadline);
  if (status.outcome == Outcome::kTimeout) return TimedOut(method);
  return status;
}

Status Channel::RunToEnd(Call* call, Deadline deadline) {
  while (!call->done() && call->wanted()) {
    const Status status = Step(deadline);
    if (!call->done() && !status.ok()) return status;
    if (!call->done() && std::chrono::steady_clock::now() >= deadline) {
      return {.outcome = Outcome::kTimeout};
    }
  }
  return call->wanted() ? call->status() : Status();
}

Status Channel::Step(Deadline deadline) {
  if (const Status status = Flush(); !status.ok()) {
    // The peer may have said why before it went.
    Receive();
    return status;
  }
  if (socket_.fd() < 0) return Broken("the socket was closed by the program");
  if (std::chrono::steady_clock::now() < deadline) Wait(deadline);
  const bool is_in_call = open_calls_ > 0;
  if (const Status status = Receive(); !status.ok()) return status;
  const bool has_ended = is_in_call && open_calls_ == 0;
  return has_ended ? Status() : Flush();
}

void Channel::Wait(Deadline deadline) const {
  const short events = has_unsent() ? POLLIN | POLLOUT : POLLIN;
  pollfd poll_fd = {.fd = socket_.fd(), .events = events};
  const timespec left = TimeLeft(deadline);
  ppoll(&poll_fd, 1, deadline == Deadline::max() ? nullptr : &left, nullptr);
}

Status Channel::Flush() {
  while (true) {
    if (const Status status = SendUnsent(); !status.ok() || has_unsent()) return status;
    if (const Status status = Gather(); !status.ok() || !has_unsent()) return status;
  }
}

Status Channel::Gather() {
  gathered_.clear();
  while (gathered_.size() < kGatherBytes) {
    const uint8_t* bytes;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return Broken(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    gathered_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  unsent_ = gathered_;
  return {};
}

// False: enough is gathered, ask again after that is sent.
bool Channel::GatherFrame(Call* call, std::string_view header, size_t size) {
  if (gathered_.size() >= kGatherBytes) return false;
  gathered_.append(header);
  gathered_.append(call->TakeBody(size));
  return true;
}

Status Channel::SendUnsent() {
  while (has_unsent()) {
    const ssize_t size = send(socket_.fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return {};
    if (size < 0 && errno != EINTR) return ErrnoStatus("cannot send to the agent", errno);
    if (size > 0) unsent_.remove_prefix(static_cast<size_t>(size));
  }
  return {};
}

Status Channel::Receive() {
  std::array<uint8_t, kReadBytes> buffer;
  for (int round = 0; round < kReadRounds; ++round) {
    const ssize_t size = recv(socket_.fd(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EAGAIN) return {};
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus("cannot receive from the agent", errno);
    if (size == 0) return Broken("the agent closed the connection");
    const ssize_t taken =
        nghttp2_session_mem_recv(session_, buffer.data(), static_cast<size_t>(size));
    if (taken < 0) return Broken(nghttp2_strerror(static_cast<int>(taken)));
  }
  return {};
}

}  // namespace sluice::rpc
