// Where one read puts what comes, so that a body lies at once where its call wants it.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::net {

// Where the next bytes of a request's body belong.
struct BodyRoom {
  std::span<char> bytes;
  // What the call waits for to go on: the room is no larger.
  size_t missing = 0;
};

// Of the DATA frame under way, which is not padded.
struct DataFrame {
  int32_t stream_id = 0;
  size_t length = 0;
  size_t rest = 0;  // of it that did not come yet
};

// For one read: ReadFrom, or places() for another way, and then, once, Arrange.
class InputPlan {
 public:
  // Everything goes to the first `size` bytes of `buffer`.
  InputPlan(char* buffer, size_t size);
  // The rest of `frame` goes to `room`, which is not empty. Most peers make one frame as long as
  // the other until a message ends: as far as `room` reaches such frames are expected, of which the
  // heads go to `buffer`, where everything goes that is behind them. `size` bytes in all.
  InputPlan(const DataFrame& frame, BodyRoom room, char* buffer, size_t size);

  InputPlan(const InputPlan&) = delete;
  InputPlan& operator=(const InputPlan&) = delete;

  // Whatever a socket has for it, which may be nothing now; nullopt: its end, or an error.
  std::optional<size_t> ReadFrom(int socket);
  std::span<iovec> places() { return {places_.data(), count_}; }
  size_t size() const { return size_; }

  // The first `came` bytes of what was planned, in order. Where another frame came than expected,
  // what lies behind its head is copied, since it is not what the room is for. Valid as long as
  // the plan, the room and the buffer.
  std::span<const std::string_view> Arrange(size_t came);

 private:
  // Of frames that are expected; what is behind them is not worth it.
  static constexpr size_t kMostFrames = 16;
  static constexpr size_t kFrameHeadBytes = 9;

  void Add(char* at, size_t size);
  bool IsExpected(size_t place) const;
  // What came from `place` on, where `left` bytes did.
  std::string_view Join(size_t place, size_t left);

  const int32_t stream_id_ = 0;
  const size_t size_;
  // The rest of the frame under way, then head and content of each frame that is expected, then
  // everything else.
  std::array<iovec, 2 * kMostFrames + 2> places_;
  size_t count_ = 0;
  std::array<size_t, kMostFrames> lengths_;  // of the frames that are expected
  size_t frames_ = 0;
  std::array<std::string_view, 2 * kMostFrames + 2> pieces_;
  std::string joined_;
};

}  // namespace sluice::net
