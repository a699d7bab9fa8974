#include "agent/net/grpc/frame.h"

#include <algorithm>
#include <utility>

namespace sluice::net {
namespace {

constexpr size_t kLargestSpare = 1024 * 1024;
// A buffer that is too small gets so many times what has come. Memory that is not written to yet
// costs only address space, and every step copies all that came before it.
constexpr size_t kGrowth = 8;

uint32_t LengthOf(std::string_view prefix) {
  uint32_t length = 0;
  for (size_t i = 1; i < kMessagePrefixBytes; ++i) {
    length = length << 8 | static_cast<uint8_t>(prefix[i]);
  }
  return length;
}

}  // namespace

void AppendMessage(std::string_view message, std::string* out) {
  const auto length = static_cast<uint32_t>(message.size());
  const char prefix[kMessagePrefixBytes] = {
      0, static_cast<char>(length >> 24), static_cast<char>(length >> 16),
      static_cast<char>(length >> 8), static_cast<char>(length)};
  out->append(prefix, sizeof(prefix));
  out->append(message);
}

MessageBuffer SpareBuffer::Take() { return std::exchange(spare_, MessageBuffer()); }

void SpareBuffer::Give(MessageBuffer buffer) {
  if (buffer.capacity() > kLargestSpare || buffer.capacity() <= spare_.capacity()) return;
  buffer.Clear();
  spare_ = std::move(buffer);
}

MessageReader::Next MessageReader::Read(std::string_view* bytes, std::string_view* message) {
  if (std::exchange(delivered_, false)) spare_->Give(std::exchange(buffer_, MessageBuffer()));
  if (missing_ == 0) {
    const Next next = ReadPrefix(bytes);
    if (next != Next::kMessage) return next;
    if (missing_ <= bytes->size()) {
      *message = bytes->substr(0, missing_);
      bytes->remove_prefix(std::exchange(missing_, 0));
      return Next::kMessage;
    }
    buffer_ = spare_->Take();
  }
  Collect(bytes);
  if (missing_ > 0) return Next::kNeedMore;
  *message = buffer_.view();
  delivered_ = true;
  return Next::kMessage;
}

// kMessage: the prefix is whole, and missing_ is the message's length.
MessageReader::Next MessageReader::ReadPrefix(std::string_view* bytes) {
  std::string_view prefix = bytes->substr(0, kMessagePrefixBytes - prefix_.size());
  bytes->remove_prefix(prefix.size());
  if (prefix.size() < kMessagePrefixBytes) {
    prefix_ += prefix;
    if (prefix_.size() < kMessagePrefixBytes) return Next::kNeedMore;
    prefix = prefix_;
  }
  const uint32_t length = LengthOf(prefix);
  const char flag = prefix[0];
  is_compressed_ = flag == 1;
  prefix_.clear();
  if (flag != 0 && !(is_compressed_ && takes_compressed_)) return Next::kCompressed;
  if (length > max_message_bytes_) return Next::kTooLarge;
  missing_ = length;
  return Next::kMessage;
}

void MessageReader::Collect(std::string_view* bytes) {
  const size_t taken = std::min(missing_, bytes->size());
  Reserve(buffer_.size() + taken);
  buffer_.Append(bytes->substr(0, taken));
  bytes->remove_prefix(taken);
  missing_ -= taken;
}

// Grows with what came, not with what was announced, which costs the peer nothing.
void MessageReader::Reserve(size_t needed) {
  if (needed <= buffer_.capacity()) return;
  buffer_.Grow(std::min(buffer_.size() + missing_, std::max(kGrowth * buffer_.size(), needed)));
}

// At once for as much again, which is seldom written to in vain: what comes then is not to be the
// reason for copying all that came before.
std::span<char> MessageReader::Room(size_t wanted) {
  if (missing_ == 0) return {};
  const size_t needed = buffer_.size() + std::min(missing_, wanted);
  if (needed > buffer_.capacity()) Reserve(buffer_.size() + std::min(missing_, 2 * wanted));
  const std::span<char> room = buffer_.room();
  return room.first(std::min(missing_, room.size()));
}

}  // namespace sluice::net
