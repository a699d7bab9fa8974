#include "proto/trace/uuid.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

namespace sluice {
namespace {

constexpr size_t kHyphens[] = {8, 13, 18, 23};

uint64_t LoadWord(const void* bytes, size_t size = 8) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word;
}

class SipState {
 public:
  explicit SipState(const std::array<uint8_t, 16>& key) {
    const uint64_t k0 = LoadWord(key.data());
    const uint64_t k1 = LoadWord(key.data() + 8);
    v_ = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261,
          k1 ^ 0x7465646279746573};
  }

  void Absorb(uint64_t word) {
    v_[3] ^= word;
    Rounds(2);
    v_[0] ^= word;
  }
  // Each half of the output is opened by a constant of its own.
  uint64_t Squeeze(size_t lane, uint64_t constant) {
    v_[lane] ^= constant;
    Rounds(4);
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void Rounds(int count) {
    for (; count > 0; --count) Round();
  }
  void Round() {
    v_[0] += v_[1];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[3];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] += v_[3];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] += v_[1];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[2] = std::rotl(v_[2], 32);
  }

  std::array<uint64_t, 4> v_;
};

}  // namespace

std::optional<Uuid> ParseUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool at_hyphen =
        std::find(std::begin(kHyphens), std::end(kHyphens), i) != std::end(kHyphens);
    if (at_hyphen != (text[i] == '-')) return std::nullopt;
    if (!at_hyphen) digits += text[i];
  }
  return Uuid::FromHex(digits);
}

std::string FormatUuid(const Uuid& uuid) {
  std::string text = uuid.ToHex();
  for (const size_t hyphen : kHyphens) text.insert(hyphen, 1, '-');
  return text;
}

std::array<uint8_t, 16> SipHash128(const std::array<uint8_t, 16>& key, std::string_view message) {
  SipState state(key);
  const uint64_t size_byte = uint64_t{message.size()} << 56;
  for (; message.size() >= 8; message.remove_prefix(8)) state.Absorb(LoadWord(message.data()));
  state.Absorb(LoadWord(message.data(), message.size()) | size_byte);
  const uint64_t halves[] = {state.Squeeze(2, 0xee), state.Squeeze(1, 0xdd)};
  std::array<uint8_t, 16> hash;
  std::memcpy(hash.data(), halves, sizeof(halves));
  return hash;
}

std::string DeriveUuid(const std::array<uint8_t, 16>& epoch, uint64_t sequence, uint32_t part,
                       uint32_t event) {
  char message[sizeof(sequence) + sizeof(part) + sizeof(event)];
  std::memcpy(message, &sequence, sizeof(sequence));
  std::memcpy(message + sizeof(sequence), &part, sizeof(part));
  std::memcpy(message + sizeof(sequence) + sizeof(part), &event, sizeof(event));
  const size_t size = event == 0 ? sizeof(message) - sizeof(event) : sizeof(message);
  Uuid uuid{SipHash128(epoch, {message, size})};
  ShapeAsUuid4(&uuid);
  return FormatUuid(uuid);
}

}  // namespace sluice
