// gRPC's framing of messages on a stream.
//   message := compressed:1 (0 or 1)  length:4 (big-endian)  bytes[length]
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "agent/net/grpc/message_buffer.h"
#include "agent/net/owned_bytes.h"

namespace sluice::net {

inline constexpr size_t kMessagePrefixBytes = 5;

// Appends `message` with its prefix.
void AppendMessage(std::string_view message, std::string* out);

// One buffer handed round by those who need one for a moment, so that a busy stream does not
// allocate and an idle one holds nothing.
class SpareBuffer {
 public:
  // Empty; with capacity when there is one to spare.
  MessageBuffer Take();
  void Give(MessageBuffer buffer);

 private:
  MessageBuffer spare_;
};

// Cuts a stream's bytes into messages. A message that lies in one piece is not copied, and neither
// is what was put into room().
class MessageReader {
 public:
  enum class Next { kMessage, kNeedMore, kTooLarge, kCompressed };

  // `spare` outlives the reader. A compressed message is refused unless told otherwise.
  MessageReader(size_t max_message_bytes, SpareBuffer* spare, bool takes_compressed = false)
      : max_message_bytes_(max_message_bytes), takes_compressed_(takes_compressed), spare_(spare) {}

  // Takes from the front of `*bytes`. kMessage: `*message` is whole, and valid until the next call
  // or as long as the bytes. kNeedMore: all bytes were taken. The other two are final.
  Next Read(std::string_view* bytes, std::string_view* message);

  // Where the next bytes of the stream belong, as far as they are of the message under way; empty:
  // none is. About `wanted` bytes, or all that is missing. Valid until Read has taken so many.
  std::span<char> Room(size_t wanted);
  // What the message under way still lacks.
  size_t missing_bytes() const { return missing_; }

  // Whether the message that was returned last lies with the reader, not in the bytes.
  bool holds_message() const { return delivered_; }
  // That message, which the reader holds no longer.
  OwnedBytes TakeMessage() {
    delivered_ = false;
    return buffer_.Take();
  }
  size_t max_message_bytes() const { return max_message_bytes_; }
  // Of the message that was returned last.
  bool is_compressed() const { return is_compressed_; }
  // Some of a message was taken and not all of it.
  bool in_message() const { return !prefix_.empty() || missing_ > 0; }
  // Memory in use for that.
  size_t held_bytes() const { return buffer_.capacity(); }

 private:
  Next ReadPrefix(std::string_view* bytes);
  void Collect(std::string_view* bytes);
  void Reserve(size_t needed);

  const size_t max_message_bytes_;
  const bool takes_compressed_;
  SpareBuffer* const spare_;
  std::string prefix_;    // an incomplete one; short enough to need no allocation
  MessageBuffer buffer_;  // the part of the message that came in earlier pieces
  bool is_compressed_ = false;
  size_t missing_ = 0;      // what the message in buffer_ lacks
  bool delivered_ = false;  // buffer_ holds the message that was returned last
};

}  // namespace sluice::net
