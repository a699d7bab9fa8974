// The bytes of one message, to be kept: a string's, or a block's that was filled as they came.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::net {

// Its bytes stay where they are for as long as it is not moved. Copies share a block.
class OwnedBytes {
 public:
  OwnedBytes() = default;
  // Not explicit: a string is such bytes.
  OwnedBytes(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  // The first `size` of a block.
  OwnedBytes(std::unique_ptr<char[]> block, size_t size) : block_(std::move(block)), size_(size) {}

  std::string_view view() const {
    return block_ ? std::string_view(block_.get(), size_) : std::string_view(text_);
  }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)
  size_t size() const { return view().size(); }
  friend bool operator==(const OwnedBytes& one, const OwnedBytes& other) {
    return one.view() == other.view();
  }

 private:
  std::string text_;
  std::shared_ptr<char[]> block_;  // null: they are in text_
  size_t size_ = 0;                // of what is in block_
};

}  // namespace sluice::net
