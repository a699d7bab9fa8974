// Memory for a message that comes in pieces. A string's would be written to as it grows, also where
// the bytes are already in place.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "agent/net/owned_bytes.h"

namespace sluice::net {

class MessageBuffer {
 public:
  MessageBuffer() = default;
  MessageBuffer(MessageBuffer&& other) noexcept { *this = std::move(other); }
  MessageBuffer& operator=(MessageBuffer&& other) noexcept {
    block_ = std::move(other.block_);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {block_.get(), size_}; }

  // Moves what is there to a block of `capacity` bytes, which is more than there was.
  void Grow(size_t capacity) {
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(grown.get(), block_.get(), size_);
    block_ = std::move(grown);
    capacity_ = capacity;
  }
  // What is free behind the bytes. It may be written to before it is appended.
  std::span<char> room() { return {block_.get() + size_, capacity_ - size_}; }
  // `bytes` fit in. They may lie in room(), and are not copied where they lie at its beginning.
  void Append(std::string_view bytes) {
    char* const end = block_.get() + size_;
    if (bytes.data() != end && !bytes.empty()) std::memmove(end, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Clear() { size_ = 0; }

  OwnedBytes Take() {
    capacity_ = 0;
    return {std::move(block_), std::exchange(size_, 0)};
  }

 private:
  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

}  // namespace sluice::net
