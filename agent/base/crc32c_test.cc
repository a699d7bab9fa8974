#include "agent/base/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace sluice {
namespace {

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// RFC 3720, B.4.
TEST(Crc32cTest, AgreesWithThePublishedVectors) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32cPortable("123456789"), 0xE3069283u);
}

TEST(Crc32cTest, AllWaysAgreeAtEveryLength) {
  const std::string bytes = Pattern(3 * 3072 + 64);
  for (size_t size = 0; size <= bytes.size(); size += size < 1100 ? 1 : 61) {
    const std::string_view head = std::string_view(bytes).substr(0, size);
    const auto previous = static_cast<uint32_t>(size * 2654435761);
    ASSERT_EQ(Crc32c(head, previous), Crc32cPortable(head, previous)) << size;
    ASSERT_EQ(Crc32cByWords(head, previous), Crc32cPortable(head, previous)) << size;
  }
}

TEST(Crc32cTest, GoesOnFromWhatCameBefore) {
  const std::string bytes = Pattern(10'000);
  for (const size_t cut : {0, 1, 7, 3072, 9'999}) {
    const std::string_view all = bytes;
    EXPECT_EQ(Crc32c(all.substr(cut), Crc32c(all.substr(0, cut))), Crc32c(all)) << cut;
  }
}

}  // namespace
}  // namespace sluice
