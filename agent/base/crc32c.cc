#include "agent/base/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace sluice {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;

constexpr uint32_t ShiftOneByte(uint32_t crc) {
  for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
  return crc;
}

constexpr std::array<uint32_t, 256> MakeByteTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) table[i] = ShiftOneByte(i);
  return table;
}

constexpr std::array<uint32_t, 256> kByteTable = MakeByteTable();

#if defined(__x86_64__)

// A linear map over 32 bits: column i is the image of bit i.
using Matrix = std::array<uint32_t, 32>;

constexpr uint32_t Apply(const Matrix& matrix, uint32_t bits) {
  uint32_t image = 0;
  for (uint32_t i = 0; i < 32; ++i) image ^= (bits >> i & 1) ? matrix[i] : 0;
  return image;
}

// What 2^doublings zero bytes do to a checksum.
constexpr Matrix ZeroBytes(int doublings) {
  Matrix matrix{};
  for (uint32_t i = 0; i < 32; ++i) matrix[i] = ShiftOneByte(uint32_t{1} << i);
  for (; doublings > 0; --doublings) {
    Matrix squared{};
    for (uint32_t i = 0; i < 32; ++i) squared[i] = Apply(matrix, matrix[i]);
    matrix = squared;
  }
  return matrix;
}

using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

constexpr ShiftTable MakeShiftTable(int doublings) {
  const Matrix matrix = ZeroBytes(doublings);
  ShiftTable table{};
  for (uint32_t byte = 0; byte < 4; ++byte) {
    for (uint32_t i = 0; i < 256; ++i) table[byte][i] = Apply(matrix, i << (8 * byte));
  }
  return table;
}

// The instruction takes three cycles but a new one starts every cycle: three lanes keep it busy.
constexpr int kLaneBits = 10;
constexpr size_t kLaneBytes = size_t{1} << kLaneBits;
constexpr ShiftTable kShiftOneLane = MakeShiftTable(kLaneBits);

uint32_t ShiftOneLane(uint32_t crc) {
  return kShiftOneLane[0][crc & 255] ^ kShiftOneLane[1][crc >> 8 & 255] ^
         kShiftOneLane[2][crc >> 16 & 255] ^ kShiftOneLane[3][crc >> 24];
}

uint64_t LoadWord(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

__attribute__((target("sse4.2"))) uint32_t ThreeLanes(const char* from, uint32_t crc) {
  uint64_t first = crc, second = 0, third = 0;
  for (size_t i = 0; i < kLaneBytes; i += 8) {
    first = _mm_crc32_u64(first, LoadWord(from + i));
    second = _mm_crc32_u64(second, LoadWord(from + kLaneBytes + i));
    third = _mm_crc32_u64(third, LoadWord(from + 2 * kLaneBytes + i));
  }
  const uint32_t joined =
      ShiftOneLane(static_cast<uint32_t>(first)) ^ static_cast<uint32_t>(second);
  return ShiftOneLane(joined) ^ static_cast<uint32_t>(third);
}

__attribute__((target("sse4.2"))) uint32_t ByInstruction(std::string_view bytes, uint32_t crc) {
  const char* from = bytes.data();
  size_t left = bytes.size();
  for (; left >= 3 * kLaneBytes; from += 3 * kLaneBytes, left -= 3 * kLaneBytes) {
    crc = ThreeLanes(from, crc);
  }
  uint64_t wide = crc;
  for (; left >= 8; from += 8, left -= 8) wide = _mm_crc32_u64(wide, LoadWord(from));
  crc = static_cast<uint32_t>(wide);
  for (; left > 0; ++from, --left) crc = _mm_crc32_u8(crc, static_cast<uint8_t>(*from));
  return crc;
}

#endif

}  // namespace

uint32_t Crc32cPortable(std::string_view bytes, uint32_t previous) {
  uint32_t crc = ~previous;
  for (const char byte : bytes) {
    crc = crc >> 8 ^ kByteTable[(crc ^ static_cast<uint8_t>(byte)) & 255];
  }
  return ~crc;
}

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ~ByInstruction(bytes, ~previous);
#endif
  return Crc32cPortable(bytes, previous);
}

}  // namespace sluice
