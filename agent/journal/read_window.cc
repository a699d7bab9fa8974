#include "agent/journal/read_window.h"

#include <algorithm>
#include <cstring>

namespace sluice::journal {
namespace {

size_t RoundedUp(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

}  // namespace

void ReadWindow::MoveTo(uint64_t offset, size_t room, bool keeps) {
  const bool overlaps = keeps && offset >= offset_ && offset < offset_ + size_;
  char* const from = overlaps ? begin_ + (offset - offset_) : end();
  const size_t kept = overlaps ? std::min<size_t>(static_cast<size_t>(end() - from), room) : 0;
  offset_ = offset;
  size_ = kept;
  const size_t capacity = block_ == nullptr ? 0 : block_->capacity();
  const bool is_shared = block_.use_count() > 1;
  // Others see what is before, and nothing of what comes.
  if (is_shared && room <= capacity - static_cast<size_t>(from - memory_)) {
    begin_ = from;
    return;
  }
  const bool is_oversized = capacity > kSharedBytes && room <= kUsualBytes;
  if (!is_shared && !is_oversized && room <= capacity) {
    if (kept > 0) std::memmove(memory_, from, kept);
  } else {
    const size_t least = is_shared ? kSharedBytes : kUsualBytes;
    auto block = std::make_shared<Block>(std::max(RoundedUp(room, kUsualBytes), least));
    if (kept > 0) std::memcpy(block->data(), from, kept);
    memory_ = block->data();
    block_ = std::move(block);
  }
  begin_ = memory_;
}

}  // namespace sluice::journal
