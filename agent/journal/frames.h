// Frames that are written together, one behind the other. What is long need not be copied into
// them: who has it lends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "agent/journal/format.h"

namespace sluice::journal {

// Bytes that nobody changes while somebody holds their owner.
struct Lender {
  Lender() = default;
  Lender(std::shared_ptr<const void> owner, std::string_view bytes)
      : owner(std::move(owner)), bytes(bytes) {}
  // All of a text, or nothing of none. Not explicit: a shared text is such bytes.
  Lender(const std::shared_ptr<const std::string>& text)  // NOLINT(google-explicit-constructor)
      : owner(text), bytes(text == nullptr ? std::string_view() : std::string_view(*text)) {}

  std::shared_ptr<const void> owner;  // null: nothing is lent
  std::string_view bytes;
};

// One thread at a time.
class Frames {
 public:
  // Bytes that stand where they were received.
  struct Lent {
    size_t at = 0;  // so many of our own stand before it
    std::string_view bytes;
    std::shared_ptr<const void> owner;
  };

  // `buffer` is empty; its capacity is used. Pieces of less than `least_lent_bytes` are copied.
  Frames(std::string buffer, size_t least_lent_bytes)
      : own_(std::move(buffer)), least_lent_bytes_(least_lent_bytes) {}

  // Adds a whole frame; `header.crc` and `header.payload_bytes` are worked out. What of the payload
  // lies in the lender's bytes may stay there, and their owner is held as long as this.
  void Append(FrameHeader header, absl::Span<const std::string_view> payload, uint32_t seed,
              const Lender& lender = {});
  // Has all of the frames be of that generation.
  void Restamp(uint32_t generation, uint32_t seed);

  bool empty() const { return own_.empty(); }
  size_t size() const { return own_.size() + lent_bytes_; }
  // All of it where nothing is lent.
  std::string_view own() const { return own_; }
  const std::vector<Lent>& lent() const { return lent_; }
  // All of it, in order.
  std::vector<std::string_view> Pieces() const;

  // The buffer, to be used again, and what was lent, to be given back. Then this is at its end.
  std::string TakeBuffer() { return std::move(own_); }
  std::vector<Lent> TakeLent() { return std::move(lent_); }

 private:
  // A place in both: before that many bytes of our own, and lent pieces.
  struct Place {
    size_t own = 0;
    size_t lent = 0;
  };

  bool IsLendable(std::string_view piece, const Lender& lender) const;
  Place EndOfFrame(Place begin) const;
  void SetCrc(Place begin, Place end, uint32_t seed);
  std::string_view Own(size_t begin, size_t end) const {
    return std::string_view(own_).substr(begin, end - begin);
  }

  std::string own_;
  std::vector<Lent> lent_;  // in order
  size_t lent_bytes_ = 0;
  size_t least_lent_bytes_;
};

}  // namespace sluice::journal
