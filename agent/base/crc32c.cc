#include "agent/base/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
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

// x to that power modulo the polynomial, as the carry-less product of reflected numbers wants it.
constexpr uint64_t Power(int exponent) {
  uint32_t remainder = 0x8000'0000;
  for (; exponent > 0; --exponent) {
    remainder = remainder >> 1 ^ (remainder & 1 ? kPolynomial : 0);
  }
  return uint64_t{remainder} << 1;
}

// What moves 128 bits so many bits on: the first half goes 32 further than the second one does.
struct Step {
  uint64_t first;
  uint64_t second;
  constexpr explicit Step(int bits) : first(Power(bits + 32)), second(Power(bits - 32)) {}
};
constexpr Step kBlockStep(2048), kVectorStep(512), kLaneStep(128);
constexpr size_t kVectorBytes = 64;
constexpr size_t kBlockBytes = 4 * kVectorBytes;

#define SLUICE_WIDE __attribute__((target("avx512f,avx512dq,avx512vl,vpclmulqdq,pclmul,sse4.2")))

SLUICE_WIDE __m512i Load(const char* block, size_t vector) {
  return _mm512_loadu_si512(block + vector * kVectorBytes);
}

SLUICE_WIDE __m512i InAllLanes(const Step& step) {
  const auto first = static_cast<int64_t>(step.first), second = static_cast<int64_t>(step.second);
  return _mm512_set4_epi64(second, first, second, first);
}

// `bits`, moved on by `step`, together with what stands there.
SLUICE_WIDE __m512i Fold(__m512i bits, __m512i step, __m512i there) {
  constexpr int kAllThree = 0x96;  // a ^ b ^ c
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(bits, step, 0x00),
                                   _mm512_clmulepi64_epi128(bits, step, 0x11), there, kAllThree);
}

// The lanes of a vector as 128 bits that stand where the last one does.
SLUICE_WIDE __m128i FoldLanes(__m512i vector) {
  const __m128i step =
      _mm_set_epi64x(static_cast<int64_t>(kLaneStep.second), static_cast<int64_t>(kLaneStep.first));
  const __m128i lanes[] = {
      _mm512_extracti64x2_epi64(vector, 0), _mm512_extracti64x2_epi64(vector, 1),
      _mm512_extracti64x2_epi64(vector, 2), _mm512_extracti64x2_epi64(vector, 3)};
  __m128i bits = lanes[0];
  for (size_t lane = 1; lane < 4; ++lane) {
    bits = _mm_xor_si128(lanes[lane], _mm_xor_si128(_mm_clmulepi64_si128(bits, step, 0x00),
                                                    _mm_clmulepi64_si128(bits, step, 0x11)));
  }
  return bits;
}

// Of `blocks` blocks, at least one.
SLUICE_WIDE uint32_t ByVectors(const char* from, size_t blocks, uint32_t crc) {
  const __m512i before = _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(crc)));
  __m512i first = _mm512_xor_si512(Load(from, 0), before);
  __m512i second = Load(from, 1), third = Load(from, 2), fourth = Load(from, 3);
  const __m512i block_step = InAllLanes(kBlockStep);
  while (--blocks > 0) {
    from += kBlockBytes;
    first = Fold(first, block_step, Load(from, 0));
    second = Fold(second, block_step, Load(from, 1));
    third = Fold(third, block_step, Load(from, 2));
    fourth = Fold(fourth, block_step, Load(from, 3));
  }
  const __m512i step = InAllLanes(kVectorStep);
  const __m128i bits = FoldLanes(Fold(Fold(Fold(first, step, second), step, third), step, fourth));
  const uint64_t half = _mm_crc32_u64(0, static_cast<uint64_t>(_mm_extract_epi64(bits, 0)));
  return static_cast<uint32_t>(
      _mm_crc32_u64(half, static_cast<uint64_t>(_mm_extract_epi64(bits, 1))));
}

#undef SLUICE_WIDE

bool HasVectors() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vpclmulqdq") &&
         __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2");
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

uint32_t Crc32cByWords(std::string_view bytes, uint32_t previous) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ~ByInstruction(bytes, ~previous);
#endif
  return Crc32cPortable(bytes, previous);
}

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
#if defined(__x86_64__)
  static const bool has_vectors = HasVectors();
  const size_t blocks = bytes.size() / kBlockBytes;
  if (blocks > 0 && has_vectors) {
    previous = ~ByVectors(bytes.data(), blocks, ~previous);
    bytes.remove_prefix(blocks * kBlockBytes);
  }
#endif
  return Crc32cByWords(bytes, previous);
}

}  // namespace sluice
