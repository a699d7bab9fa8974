#include "agent/net/http/input_plan.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace sluice::net {
namespace {

constexpr uint8_t kDataType = 0;
constexpr uint8_t kEndStream = 1;

}  // namespace

InputPlan::InputPlan(char* buffer, size_t size) : size_(size) { Add(buffer, size); }

InputPlan::InputPlan(const DataFrame& frame, BodyRoom room, char* buffer, size_t size)
    : stream_id_(frame.stream_id), size_(size) {
  size_t content = frame.rest;
  while (true) {
    const size_t placed = std::min({content, room.bytes.size(), size});
    Add(room.bytes.data(), placed);
    room = {room.bytes.subspan(placed), room.missing - placed};
    size -= placed;
    // The message ends within the frame, or there is no room for more of it.
    if (placed < content || room.bytes.empty()) break;
    if (frames_ == kMostFrames || size <= kFrameHeadBytes) break;
    Add(buffer, kFrameHeadBytes);
    buffer += kFrameHeadBytes;
    size -= kFrameHeadBytes;
    lengths_[frames_++] = content = std::min(frame.length, room.missing);
  }
  if (size > 0) Add(buffer, size);
}

void InputPlan::Add(char* at, size_t size) { places_[count_++] = {at, size}; }

std::optional<size_t> InputPlan::ReadFrom(int socket) {
  msghdr message{};
  message.msg_iov = places_.data();
  message.msg_iovlen = count_;
  ssize_t came = -1;
  do {
    came = ::recvmsg(socket, &message, MSG_DONTWAIT);
  } while (came < 0 && errno == EINTR);
  if (came < 0 && errno == EAGAIN) return 0;
  if (came <= 0) return std::nullopt;
  return static_cast<size_t>(came);
}

std::span<const std::string_view> InputPlan::Arrange(size_t came) {
  size_t count = 0;
  for (size_t i = 0; came > 0; ++i) {
    const size_t size = std::min(came, places_[i].iov_len);
    const bool is_head = i % 2 == 1 && i < 2 * frames_;
    if (is_head && came > size && !IsExpected(i)) {
      pieces_[count++] = Join(i, came);
      break;
    }
    pieces_[count++] = {static_cast<const char*>(places_[i].iov_base), size};
    came -= size;
  }
  return {pieces_.data(), count};
}

bool InputPlan::IsExpected(size_t place) const {
  const auto* const head = static_cast<const uint8_t*>(places_[place].iov_base);
  const auto number = [head](size_t begin, size_t end) {
    uint32_t number = 0;
    for (size_t i = begin; i < end; ++i) number = number << 8 | head[i];
    return number;
  };
  return number(0, 3) == lengths_[place / 2] && head[3] == kDataType &&
         (head[4] & ~kEndStream) == 0 && number(5, 9) == static_cast<uint32_t>(stream_id_);
}

std::string_view InputPlan::Join(size_t place, size_t left) {
  joined_.reserve(left);
  for (; left > 0; ++place) {
    const size_t size = std::min(left, places_[place].iov_len);
    joined_.append(static_cast<const char*>(places_[place].iov_base), size);
    left -= size;
  }
  return joined_;
}

}  // namespace sluice::net
