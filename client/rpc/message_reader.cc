#include "client/rpc/message_reader.h"

#include <cstdint>

namespace sluice::rpc {

void AppendMessagePrefix(size_t size, std::string* out) {
  const auto byte = [size](int shift) { return static_cast<char>(size >> shift & 0xff); };
  const char prefix[kMessagePrefixBytes] = {0, byte(24), byte(16), byte(8), byte(0)};
  out->append(prefix, sizeof(prefix));
}

bool MessageReader::Next(std::string_view* message) {
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  if (failed_ || buffer_.size() < kMessagePrefixBytes) return false;
  size_t size = 0;
  for (size_t i = 1; i < kMessagePrefixBytes; ++i) {
    size = size << 8 | static_cast<uint8_t>(buffer_[i]);
  }
  failed_ = buffer_[0] != 0 || size > kMaxMessageBytes;
  if (failed_ || buffer_.size() - kMessagePrefixBytes < size) return false;
  *message = std::string_view(buffer_).substr(kMessagePrefixBytes, size);
  consumed_ = kMessagePrefixBytes + size;
  return true;
}

}  // namespace sluice::rpc
