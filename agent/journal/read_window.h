// A part of a file in memory, which moves on through the file. What has been read may be kept by
// others while the window moves on: then it leaves these bytes alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sluice::journal {

// Bytes of a file, which several may hold.
class Block {
 public:
  // Not zeroed: all that is seen of it is read into it.
  explicit Block(size_t capacity) : bytes_(new char[capacity]), capacity_(capacity) {}

  const char* data() const { return bytes_.get(); }
  char* data() { return bytes_.get(); }
  // What it takes of memory.
  size_t capacity() const { return capacity_; }

 private:
  const std::unique_ptr<char[]> bytes_;
  const size_t capacity_;
};

// Held and let go of on the thread of the window alone, which tells from the count whether it is.
// What was seen in it stays as it was for as long as it is held.
using SharedBlock = std::shared_ptr<const Block>;

// Owned by one thread.
class ReadWindow {
 public:
  // What is read at once, as a rule.
  static constexpr size_t kUsualBytes = 256 * 1024;
  // Of a block behind one that others hold: what it ends in the middle of is copied to the next.
  static constexpr size_t kSharedBytes = 1024 * 1024;

  bool Holds(uint64_t offset, uint64_t size) const {
    return offset >= offset_ && offset + size <= offset_ + size_;
  }
  // `size` bytes at `offset`, of which it holds the first; fewer where it ends before.
  std::string_view At(uint64_t offset, uint64_t size) const {
    return std::string_view(begin_, size_).substr(offset - offset_, size);
  }
  size_t size() const { return size_; }

  // Has it begin at `offset`, with room for `room` bytes. Of what it held it keeps as much as there
  // is room for, and nothing where not `keeps`.
  void MoveTo(uint64_t offset, size_t room, bool keeps);
  // What is read next is written here, and then appended.
  char* end() { return begin_ + size_; }
  void Append(size_t bytes) { size_ += bytes; }

  // All that was seen of it since MoveTo is in there.
  const SharedBlock& block() const { return block_; }

 private:
  SharedBlock block_;
  char* memory_ = nullptr;  // of the block
  char* begin_ = nullptr;
  uint64_t offset_ = 0;  // of the window in the file
  size_t size_ = 0;
};

}  // namespace sluice::journal
