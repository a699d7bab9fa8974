#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "proto/kvp/vm_id.h"
#include "proto/text/times.h"
#include "proto/trace/uuid.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::array<uint8_t, 16> CountingKey() {
  std::array<uint8_t, 16> key;
  for (uint8_t i = 0; i < 16; ++i) key[i] = i;
  return key;
}

TEST(TimeTextTest, CutsToMilliseconds) {
  EXPECT_EQ(FormatUtcMillis(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatUtcMillis(1'763'056'330'123'999'999), "2025-11-13T17:52:10.123Z");
  EXPECT_EQ(FormatUtcMillis(UINT64_MAX), "2554-07-21T23:34:33.709Z");
}

TEST(TimeTextTest, FormatsDurationsWithThreeDigits) {
  EXPECT_EQ(FormatDuration(0), "0.00ns");
  EXPECT_EQ(FormatDuration(999), "999ns");
  EXPECT_EQ(FormatDuration(1'000), "1.00µs");
  EXPECT_EQ(FormatDuration(99'900), "99.9µs");
  EXPECT_EQ(FormatDuration(123'456'789), "123ms");
  EXPECT_EQ(FormatDuration(7'260'000'000'000), "7260s");
}

TEST(TimeTextTest, FormatsTimesAtTheirEdges) {
  EXPECT_EQ(FormatUtc(0, 6), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatUtc(951'782'399'999'999'999, 6), "2000-02-28T23:59:59.999999Z");
  EXPECT_EQ(FormatUtc(951'782'400'000'000'001, 9), "2000-02-29T00:00:00.000000001Z");
}

TEST(TimeTextTest, KnowsLeapYears) {
  EXPECT_EQ(FormatRfc3339(951'782'400 * kSecond), "2000-02-29T00:00:00+00:00");
  EXPECT_EQ(FormatRfc3339(951'868'800 * kSecond), "2000-03-01T00:00:00+00:00");
  EXPECT_EQ(FormatRfc3339(4'107'542'400 * kSecond), "2100-03-01T00:00:00+00:00");
  EXPECT_EQ(FormatRfc3339(4'107'542'399 * kSecond), "2100-02-28T23:59:59+00:00");
  EXPECT_EQ(FormatRfc3339(1'735'689'599 * kSecond), "2024-12-31T23:59:59+00:00");
}

TEST(TimeTextTest, ShowsAsManyDigitsAsTheFractionHas) {
  const uint64_t second = 1'781'654'400 * kSecond;
  EXPECT_EQ(FormatRfc3339(second), "2026-06-17T00:00:00+00:00");
  EXPECT_EQ(FormatRfc3339(second + 120'000'000), "2026-06-17T00:00:00.120+00:00");
  EXPECT_EQ(FormatRfc3339(second + 123'456'000), "2026-06-17T00:00:00.123456+00:00");
  EXPECT_EQ(FormatRfc3339(second + 123'456'789), "2026-06-17T00:00:00.123456789+00:00");
  EXPECT_EQ(FormatRfc3339(second + 1), "2026-06-17T00:00:00.000000001+00:00");
}

// The first vectors of the algorithm's reference implementation: key 00..0f, message 00..n-1.
TEST(UuidTest, HashesAsTheReferenceDoes) {
  const auto hex = [](std::string_view message) {
    return Uuid{SipHash128(CountingKey(), message)}.ToHex();
  };
  EXPECT_EQ(hex(""), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(hex(std::string(1, '\0')), "da87c1d86b99af44347659119b22fc45");
}

TEST(UuidTest, DerivesTheShapeOfVersionFour) {
  const std::string uuid = DeriveUuid(CountingKey(), 7, 0);
  ASSERT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string_view("89ab").find(uuid[19]), std::string_view::npos);
  EXPECT_TRUE(ParseUuid(uuid).has_value());
  EXPECT_EQ(uuid, DeriveUuid(CountingKey(), 7, 0)) << "the same on every replay";
}

TEST(UuidTest, DiffersByEpochSequenceAndPart) {
  std::set<std::string> uuids = {DeriveUuid({}, 0, 0)};
  for (uint64_t sequence = 0; sequence < 100; ++sequence) {
    for (uint32_t part = 0; part < 100; ++part) {
      uuids.insert(DeriveUuid(CountingKey(), sequence, part));
    }
  }
  EXPECT_EQ(uuids.size(), 10'001u);
}

TEST(UuidTest, ParsesOnlyHyphenatedText) {
  EXPECT_TRUE(ParseUuid("550E8400-e29b-41d4-a716-446655440000").has_value());
  EXPECT_FALSE(ParseUuid("550e8400e29b41d4a716446655440000").has_value());
  EXPECT_FALSE(ParseUuid("550e8400-e29b-41d4-a716-44665544000").has_value());
  EXPECT_FALSE(ParseUuid("550e8400-e29b-41d4-a716-4466554400000").has_value());
  EXPECT_FALSE(ParseUuid("550e8400-e29b-41d4-a7164-46655440000").has_value());
  EXPECT_FALSE(ParseUuid("g50e8400-e29b-41d4-a716-446655440000").has_value());
}

TEST(VmIdTest, SwapsTheFirstFieldsOfGenerationOne) {
  EXPECT_EQ(NormalizeVmId("550e8400-e29b-41d4-a716-446655440000", VmGeneration::kGen1),
            "00840e55-9be2-d441-a716-446655440000");
}

TEST(VmIdTest, LeavesGenerationTwoButForItsCase) {
  EXPECT_EQ(NormalizeVmId(" 550E8400-E29B-41D4-A716-446655440000\n", VmGeneration::kGen2),
            "550e8400-e29b-41d4-a716-446655440000");
}

TEST(VmIdTest, LeavesWhatIsNoUuid) {
  EXPECT_EQ(NormalizeVmId("Not-A-UUID", VmGeneration::kGen1), "not-a-uuid");
  EXPECT_EQ(NormalizeVmId("", VmGeneration::kGen1), "");
  EXPECT_EQ(NormalizeVmId(" \n", VmGeneration::kGen2), "");
}

TEST(VmIdTest, IsReadWithTheGenerationThatTheFirmwareShows) {
  const testing::TempDirectory directory;
  const std::string root = directory.path() + "/";
  EXPECT_EQ(ReadVmId(root), "");
  std::filesystem::create_directories(root + "sys/class/dmi/id");
  std::ofstream(root + "sys/class/dmi/id/product_uuid") << "550E8400-E29B-41D4-A716-446655440000\n";
  EXPECT_EQ(ReadVmId(root), "00840e55-9be2-d441-a716-446655440000");
  for (const char* const efi : {"sys/firmware/efi", "dev/efi"}) {
    std::filesystem::create_directories(root + efi);
    EXPECT_EQ(ReadVmId(root), "550e8400-e29b-41d4-a716-446655440000") << efi;
    std::filesystem::remove(root + efi);
  }
}

}  // namespace
}  // namespace sluice
