// Problem: A frame's crc and length are of its whole payload, parts of which stand elsewhere and
// must not change.
//
// Invariants:
// * A frame's header is in own_, in one piece. So it can be found, read and stamped in place.
// * Lent pieces are in the order in which they are written. Two may stand at one place of own_.
// * Between the end of a frame's payload in own_ and the place of the next frame's first lent piece
//   stands that frame's header. So the piece's place alone tells whose it is.

#include "agent/journal/frames.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "agent/base/crc32c.h"

namespace sluice::journal {

bool Frames::IsLendable(std::string_view piece, const Lender& lender) const {
  if (lender.owner == nullptr || piece.size() < least_lent_bytes_) return false;
  const std::less_equal<const char*> is_not_after;
  return is_not_after(lender.bytes.data(), piece.data()) &&
         is_not_after(piece.data() + piece.size(), lender.bytes.data() + lender.bytes.size());
}

void Frames::Append(FrameHeader header, absl::Span<const std::string_view> payload, uint32_t seed,
                    const Lender& lender) {
  const auto is_lendable = [&](std::string_view piece) { return IsLendable(piece, lender); };
  if (std::none_of(payload.begin(), payload.end(), is_lendable)) {
    return AppendFrame(header, payload, seed, &own_);
  }
  const Place begin{own_.size(), lent_.size()};
  const size_t size_before = size();
  AppendFrame(header, {}, seed, &own_);
  for (const std::string_view piece : payload) {
    if (is_lendable(piece)) {
      lent_.push_back({own_.size(), piece, lender.owner});
      lent_bytes_ += piece.size();
    } else {
      own_.append(piece);
    }
  }
  const auto payload_bytes = static_cast<uint32_t>(size() - size_before - kFrameHeaderBytes);
  std::memcpy(own_.data() + begin.own + kPayloadBytesAt, &payload_bytes, sizeof(payload_bytes));
  SetCrc(begin, {own_.size(), lent_.size()}, seed);
}

void Frames::Restamp(uint32_t generation, uint32_t seed) {
  for (Place at; at.own < own_.size();) {
    std::memcpy(own_.data() + at.own + kGenerationAt, &generation, sizeof(generation));
    const Place end = EndOfFrame(at);
    SetCrc(at, end, seed);
    at = end;
  }
}

Frames::Place Frames::EndOfFrame(Place begin) const {
  size_t left = DecodeFrameHeader(own_.data() + begin.own).payload_bytes;
  Place end{begin.own + kFrameHeaderBytes, begin.lent};
  for (; end.lent < lent_.size() && lent_[end.lent].at <= end.own + left; ++end.lent) {
    left -= lent_[end.lent].bytes.size();
  }
  end.own += left;
  return end;
}

void Frames::SetCrc(Place begin, Place end, uint32_t seed) {
  uint32_t crc = seed;
  size_t done = begin.own + sizeof(crc);
  for (size_t i = begin.lent; i < end.lent; ++i) {
    crc = Crc32c(lent_[i].bytes, Crc32c(Own(done, lent_[i].at), crc));
    done = lent_[i].at;
  }
  crc = Crc32c(Own(done, end.own), crc);
  std::memcpy(own_.data() + begin.own, &crc, sizeof(crc));
}

std::vector<std::string_view> Frames::Pieces() const {
  std::vector<std::string_view> pieces;
  pieces.reserve(2 * lent_.size() + 1);
  size_t done = 0;
  for (const Lent& lent : lent_) {
    if (lent.at > done) pieces.push_back(Own(done, lent.at));
    pieces.push_back(lent.bytes);
    done = lent.at;
  }
  if (done < own_.size()) pieces.push_back(Own(done, own_.size()));
  return pieces;
}

}  // namespace sluice::journal
