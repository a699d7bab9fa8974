// Writes protobuf's wire format field by field: to the end of a std::string, or into a fixed buffer
// without ever allocating.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "proto/wire/format.h"

namespace sluice {

// Where WireWriter's bytes go: the end of a string.
class StringSink {
 public:
  explicit StringSink(std::string* out) : out_(out) {}

  // Makes room for `size` more bytes; null: there is none.
  char* Grow(size_t size) {
    const size_t old_size = out_->size();
    out_->resize(old_size + size);
    return out_->data() + old_size;
  }
  void Truncate(size_t size) { out_->resize(size); }
  char* data() { return out_->data(); }
  size_t size() const { return out_->size(); }
  static bool ok() { return true; }

 private:
  std::string* out_;
};

// Likewise: a buffer of the caller's, never grown. After the first write that does not fit, no
// other is taken until Truncate.
class BufferSink {
 public:
  BufferSink(char* begin, size_t capacity)
      : begin_(begin), position_(begin), end_(begin + capacity) {}

  char* Grow(size_t size) {
    if (static_cast<size_t>(end_ - position_) < size || !ok_) [[unlikely]] {
      ok_ = false;
      return nullptr;
    }
    char* grown = position_;
    position_ += size;
    return grown;
  }
  void Truncate(size_t size) {
    position_ = begin_ + size;
    ok_ = true;
  }
  char* data() { return begin_; }
  size_t size() const { return static_cast<size_t>(position_ - begin_); }
  bool ok() const { return ok_; }

 private:
  char* begin_;
  char* position_;
  char* end_;
  bool ok_ = true;
};

// memcpy for the short strings that records are made of, without a call.
inline void CopyShort(char* to, const char* from, size_t size) {
  if (size > 16) {
    std::memcpy(to, from, size);
  } else if (size >= 8) {
    char head[8], tail[8];
    std::memcpy(head, from, 8);
    std::memcpy(tail, from + size - 8, 8);
    std::memcpy(to, head, 8);
    std::memcpy(to + size - 8, tail, 8);
  } else if (size >= 4) {
    char head[4], tail[4];
    std::memcpy(head, from, 4);
    std::memcpy(tail, from + size - 4, 4);
    std::memcpy(to, head, 4);
    std::memcpy(to + size - 4, tail, 4);
  } else {
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
  }
}

// These return the end of what they wrote.
inline char* PutVarint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}
// As many bytes as told, which are enough.
inline char* PutPaddedVarint(char* to, uint64_t value, size_t width) {
  for (; width > 1; --width, value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

// Writes fields one after another. A field is written whatever its value; leaving out defaults is
// the caller's. ok() turns false when the sink has no room; no field is ever written in part.
template <typename Sink>
class BasicWireWriter {
 public:
  explicit BasicWireWriter(Sink sink) : sink_(sink) {}

  void Varint(uint32_t number, uint64_t value) {
    char* const begin = sink_.Grow(TagSize(number) + VarintSize(value));
    if (begin != nullptr) PutVarint(PutTag(begin, number, WireType::kVarint), value);
  }
  void Fixed32(uint32_t number, uint32_t value) { Fixed(number, WireType::kFixed32, value); }
  void Fixed64(uint32_t number, uint64_t value) { Fixed(number, WireType::kFixed64, value); }
  void Double(uint32_t number, double value) { Fixed64(number, std::bit_cast<uint64_t>(value)); }

  void Bytes(uint32_t number, std::string_view content) {
    char* const begin = sink_.Grow(BytesFieldSize(number, content.size()));
    if (begin == nullptr) return;
    CopyShort(PutBytesHeader(begin, number, content.size()), content.data(), content.size());
  }
  // Tag and length of a field whose `size` bytes of content the caller writes next.
  void BytesHeader(uint32_t number, size_t size) {
    char* const begin = sink_.Grow(BytesFieldSize(number, size) - size);
    if (begin != nullptr) PutBytesHeader(begin, number, size);
  }
  // Encoded fields, or the content after BytesHeader.
  void Raw(std::string_view bytes) {
    char* const to = sink_.Grow(bytes.size());
    if (to != nullptr) CopyShort(to, bytes.data(), bytes.size());
  }

  // A nested message: what is written until End(mark) is its content. `length_width` bytes (1 to 5)
  // are kept for its length, which is padded up to them; content too long for them is moved, once.
  struct Mark {
    size_t content = 0;
    uint8_t length_width = 0;
  };
  Mark Begin(uint32_t number, uint8_t length_width = 1) {
    char* const begin = sink_.Grow(TagSize(number) + length_width);
    if (begin != nullptr) PutTag(begin, number, WireType::kBytes);
    return {sink_.size(), length_width};
  }
  void End(Mark mark);

  // Cuts what was written to `size` bytes and, where the sink had run full, makes it usable again.
  void Truncate(size_t size) { sink_.Truncate(size); }
  size_t size() const { return sink_.size(); }
  bool ok() const { return sink_.ok(); }

 private:
  static char* PutTag(char* to, uint32_t number, WireType type) {
    return PutVarint(to, WireTag(number, type));
  }
  static char* PutBytesHeader(char* to, uint32_t number, size_t size) {
    return PutVarint(PutTag(to, number, WireType::kBytes), size);
  }
  template <typename T>
  void Fixed(uint32_t number, WireType type, T value) {
    char* const begin = sink_.Grow(TagSize(number) + sizeof(value));
    if (begin != nullptr) std::memcpy(PutTag(begin, number, type), &value, sizeof(value));
  }

  Sink sink_;
};

template <typename Sink>
void BasicWireWriter<Sink>::End(Mark mark) {
  if (!sink_.ok()) return;
  const size_t length = sink_.size() - mark.content;
  const size_t width = std::max<size_t>(VarintSize(length), mark.length_width);
  if (width > mark.length_width) {
    const size_t shift = width - mark.length_width;
    if (sink_.Grow(shift) == nullptr) return;
    char* const content = sink_.data() + mark.content;
    std::memmove(content + shift, content, length);
  }
  PutPaddedVarint(sink_.data() + mark.content - mark.length_width, length, width);
}

using StringWireWriter = BasicWireWriter<StringSink>;
using BufferWireWriter = BasicWireWriter<BufferSink>;

}  // namespace sluice
