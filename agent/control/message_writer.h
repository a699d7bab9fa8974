// Gathers the items of a streamed answer into messages of a good size.
#pragma once

#include <cstddef>

#include "agent/control/streamed_answer.h"

namespace sluice::control {

// `Response` is the protobuf message that is streamed. Owned by one thread.
template <typename Response>
class MessageWriter {
 public:
  // `stream` outlives it.
  explicit MessageWriter(AnswerStream* stream) : stream_(stream) {}

  // The one that goes out next.
  Response& message() { return message_; }

  // An item was put into the message.
  template <typename Item>
  void Count(const Item& item) {
    bytes_ += item.ByteSizeLong();
  }
  // Large enough to be sent.
  bool IsFull() const { return bytes_ >= kMessageBytes; }

  // False: nobody listens any more.
  bool Send() {
    const bool sent = stream_->Send(message_.SerializeAsString());
    message_.Clear();
    bytes_ = 0;
    return sent;
  }

 private:
  static constexpr size_t kMessageBytes = 256 * 1024;

  AnswerStream* const stream_;
  Response message_;
  size_t bytes_ = 0;
};

}  // namespace sluice::control
