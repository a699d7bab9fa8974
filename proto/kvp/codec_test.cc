#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <string>
#include <vector>

#include "proto/kvp/key.h"
#include "proto/kvp/report.h"
#include "proto/kvp/slot.h"
#include "proto/kvp/value.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr char kVm[] = "00000000-0000-0000-0000-000000000001";
constexpr char kUuid[] = "11111111-2222-4333-8444-555555555555";
// 2025-11-13T17:52:10.123456789Z.
constexpr uint64_t kMoment = 1'763'056'330'123'456'789;
constexpr uint64_t kWholeSecond = 1'763'056'330'000'000'000;

std::string Sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return Id<SHA256_DIGEST_LENGTH>::FromBytes(
             {reinterpret_cast<const char*>(digest), sizeof(digest)})
      ->ToHex();
}

std::string Records(std::string_view key, std::string_view value, Profile profile) {
  std::string records;
  AppendRecords(key, value, profile, &records);
  EXPECT_EQ(records.size() % kRecordBytes, 0u);
  return records;
}

std::vector<std::string> Values(const std::string& records) {
  std::vector<std::string> values;
  for (size_t at = 0; at < records.size(); at += kRecordBytes) {
    values.emplace_back(DecodeRecord(std::string_view(records).substr(at, kRecordBytes)).value);
  }
  return values;
}

std::vector<size_t> Sizes(const std::string& records) {
  std::vector<size_t> sizes;
  for (const std::string& value : Values(records)) sizes.push_back(value.size());
  return sizes;
}

std::string AzureKey(Level level, std::string_view event_name) {
  return BuildKey({"azure-init-0.1.1", kVm, level, event_name, kUuid}, Profile::kStrict);
}

// The published records of azure-init 0.1.1: the bytes must agree, in both profiles where the text
// is one that both can write.
struct Vector {
  const char* name;
  std::string key;
  std::string value;
  std::vector<size_t> sizes;
  const char* sha256;
};

std::vector<Vector> EventVectors() {
  const std::string provision = AzureKey(Level::kInfo, "azure_init:provision");
  const auto message_of = [](size_t count) {
    return EventValue(kMoment, "message=" + std::string(count, 'x'));
  };
  return {
      {"V1",
       "test_key",
       std::string(2094, 'A'),
       {1022, 1022, 50},
       "c40d9166059c2798e67d87aed56a2089cd91358d83aa8e23a27d15ae3467e1d6"},
      {"V2",
       provision,
       EventValue(kMoment, "message=Provisioning started"),
       {68},
       "9b2b99cff3756fd010e268046cb6573a5c5d3614e21b2b5ca5b0fad4659ad611"},
      {"V3",
       AzureKey(Level::kInfo, "provision::user:create_user"),
       SpanValue(kWholeSecond, kMoment),
       {63},
       "c435e3ca91efc7ccf78b3e5fc731e1aa240001c9852710378b8d44261c7327c5"},
      {"V4",
       AzureKey(Level::kError, "azure_init:provision"),
       EventValue(kMoment, "error=failed to get instance metadata from IMDS"),
       {87},
       "d20ccfffec3ab7a0c9ac1c8a61a04dcf9e9ee014ff9482d856a422aaeb8f5800"},
      {"V5",
       AzureKey(Level::kInfo, "health:_report"),
       EventValue(kMoment,
                  "message=Wireserver response header, header=content-type, "
                  "value=\"application/json\""),
       {121},
       "9e230655f4d3f56467573bb37e7cd7876ec8398d4505b7ce2abb9e881fde915a"},
      {"V6a",
       provision,
       message_of(974),
       {1022},
       "49caab5a7f8b6f57c1d47eb45ab714f09d183abb2584a84a97c1a0c98f3ce385"},
      {"V6b",
       provision,
       message_of(975),
       {1022, 1},
       "34374d4b19fc168e3a7ca0ca817fc94ffb77ae7b7c36b9da42e79d8c3e4d85cb"},
      {"V7",
       provision,
       message_of(982),
       {1022, 8},
       "53d9d43e971fff050bc3627e82d4425f8c6ddb803eba94e933def4df39397022"},
  };
}

std::vector<Vector> ReportVectors() {
  ProvisioningReport success{.agent = "Azure-Init/0.1.1",
                             .vm_id = "00000000-0000-0000-0000-000000000abc",
                             .timestamp = "2026-06-17T00:00:00+00:00",
                             .extras = {{"build", "test-123"}}};
  ProvisioningReport failure{.success = false,
                             .reason = "failed to load sshd config",
                             .agent = "Azure-Init/0.1.1",
                             .vm_id = "00000000-0000-0000-0000-000000000000",
                             .timestamp = "2026-06-17T00:00:00+00:00",
                             .documentation_url = std::string(kProvisioningErrorUrl),
                             .extras = {{"details", "bad config"}}};
  return {
      {"V10",
       std::string(kReportKey),
       EncodeReport(success, ReportDialect::kAzureInit),
       {145},
       "68822f6e97407b412a1b59e126e042e271b59b78b0a75096dd534aaba6885afc"},
      {"V11",
       std::string(kReportKey),
       EncodeReport(failure, ReportDialect::kAzureInit),
       {237},
       "27306c949a7cf2a7dbd23db1eed6380b5d07b5b03524a8223023d3ca00dc73d5"},
  };
}

void ExpectBytes(const std::vector<Vector>& vectors) {
  for (const Vector& vector : vectors) {
    for (const Profile profile : {Profile::kStrict, Profile::kSafe}) {
      const std::string records = Records(vector.key, vector.value, profile);
      EXPECT_EQ(Sizes(records), vector.sizes) << vector.name;
      EXPECT_EQ(Sha256(records), vector.sha256) << vector.name;
    }
  }
}

TEST(KvpRecordTest, WritesAzureInitsBytes) {
  ExpectBytes(EventVectors());
  ExpectBytes(ReportVectors());
}

TEST(KvpRecordTest, CutsCodePointsOnlyWhenStrict) {
  const std::string value = std::string(1021, 'x') + "éy";
  const std::string strict = Records("k", value, Profile::kStrict);
  EXPECT_EQ(Sha256(strict), "97f93eb1c6cc2efdd7d722a34af6d9b55dd09a6bc7dda677877fc9fb73eaafc6");
  EXPECT_EQ(Values(strict)[1], "\xa9y");
  EXPECT_THAT(Values(Records("k", value, Profile::kSafe)),
              ElementsAre(std::string(1021, 'x'), "éy"));
}

TEST(KvpRecordTest, LeavesALongKeyWithoutANulOnlyWhenStrict) {
  const std::string key(600, 'K');
  const std::string strict = Records(key, "v", Profile::kStrict);
  EXPECT_EQ(Sha256(strict), "87eb17f727760d2e20ffc97a4bd1da9c21a89690a82535c8a46658f4cd680c47");
  EXPECT_EQ(DecodeRecord(strict).key.size(), 512u);
  EXPECT_EQ(DecodeRecord(Records(key, "v", Profile::kSafe)).key.size(), 254u);
  EXPECT_EQ(DecodeRecord(Records(std::string(254, 'K'), "v", Profile::kSafe)).key.size(), 254u);
  EXPECT_EQ(DecodeRecord(Records(std::string(253, 'K') + "é", "v", Profile::kSafe)).key.size(),
            253u);
}

TEST(KvpRecordTest, WritesNothingForAnEmptyValue) {
  EXPECT_EQ(Records("k", "", Profile::kStrict), "");
  EXPECT_EQ(Records("k", "", Profile::kSafe), "");
}

TEST(KvpRecordTest, SplitsEvery1022Bytes) {
  const std::vector<std::pair<size_t, size_t>> counts = {{1, 1},    {1021, 1}, {1022, 1}, {1023, 2},
                                                         {2044, 2}, {2045, 3}, {2094, 3}};
  for (const auto& [size, count] : counts) {
    for (const Profile profile : {Profile::kStrict, Profile::kSafe}) {
      EXPECT_EQ(Values(Records("k", std::string(size, 'v'), profile)).size(), count) << size;
    }
  }
}

TEST(KvpRecordTest, ReplacesNulAndInvalidTextWhenSafe) {
  using namespace std::string_literals;
  const std::string records = Records("a\0b"s, "x\0y\xffz"s, Profile::kSafe);
  EXPECT_EQ(DecodeRecord(records).key,
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(DecodeRecord(records).value, "x\xef\xbf\xbdy\xef\xbf\xbdz");
  EXPECT_EQ(SafeText("\0\0"s), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(KvpRecordTest, ReadsToTheFirstNulWhateverFollows) {
  std::string record(kRecordBytes, '?');
  EXPECT_EQ(DecodeRecord(record).key.size(), kKeyBytes) << "a field that is not ended";
  EXPECT_EQ(DecodeRecord(record).value.size(), kValueBytes);
  record[3] = '\0';
  record[kKeyBytes + 2] = '\0';
  EXPECT_EQ(DecodeRecord(record), (Pair{"???", "??"}));
}

TEST(KvpKeyTest, JoinsItsParts) {
  EXPECT_EQ(AzureKey(Level::kWarn, "a:b"),
            "azure-init-0.1.1|00000000-0000-0000-0000-000000000001|WARN|a:b|"
            "11111111-2222-4333-8444-555555555555");
}

TEST(KvpKeyTest, ShortensTheNameAndKeepsTheUuid) {
  // 96 bytes are fixed at level INFO, so 158 are left for the name.
  for (const size_t size : {157, 158, 159, 600}) {
    const std::string key = BuildKey(
        {"azure-init-0.1.1", kVm, Level::kInfo, std::string(size, 'n'), kUuid}, Profile::kSafe);
    EXPECT_EQ(key, AzureKey(Level::kInfo, std::string(std::min<size_t>(size, 158), 'n')));
  }
  const std::string key = BuildKey(
      {"azure-init-0.1.1", kVm, Level::kInfo, std::string(157, 'n') + "é", kUuid}, Profile::kSafe);
  EXPECT_EQ(key, AzureKey(Level::kInfo, std::string(157, 'n')));
}

TEST(KvpKeyTest, KeepsLevelAndUuidWhateverThePrefix) {
  const std::string key = BuildKey(
      {std::string(300, 'p'), std::string(300, 'v'), Level::kError, std::string(300, 'n'), kUuid},
      Profile::kSafe);
  EXPECT_EQ(key.size(), kSafeKeyBytes);
  EXPECT_EQ(key, std::string(100, 'p') + '|' + std::string(64, 'v') + "|ERROR|" +
                     std::string(45, 'n') + '|' + kUuid);
}

TEST(KvpKeyTest, LetsNoPartFakeAField) {
  EXPECT_EQ(BuildKey({"p|x", "v|y", Level::kInfo, "n|ERROR|z", "u"}, Profile::kSafe),
            "p_x|v_y|INFO|n_ERROR_z|u");
  EXPECT_EQ(BuildKey({"p|x", "v", Level::kInfo, "n|z", "u"}, Profile::kStrict), "p|x|v|INFO|n|z|u");
}

TEST(KvpKeyTest, NamesEventsAsAzureInitDoes) {
  EXPECT_EQ(FormatEventName("azure_init", "provision"), "azure_init:provision");
  EXPECT_EQ(FormatEventName("libazureinit::provision::user", "create_user"),
            "provision::user:create_user");
  EXPECT_EQ(FormatEventName("azure_init::media", "get"), "media:get");
  EXPECT_EQ(FormatEventName("libazureinit", "x"), "libazureinit:x");
  EXPECT_EQ(FormatEventName("libazureinit::", "z"), "z");
  EXPECT_EQ(FormatEventName("foo", "foo"), "foo");
  EXPECT_EQ(FormatEventName("foo", "bar"), "foo:bar");
  EXPECT_EQ(FormatEventName("my_crate::a", "b"), "my_crate::a:b");
  EXPECT_EQ(FormatEventName("azure_init", "azure_init"), "azure_init");
  EXPECT_EQ(FormatEventName("libazureinit::kvp::tests", "mock_provision"),
            "kvp::tests:mock_provision");
  EXPECT_EQ(FormatEventName("", "x"), "x");
  EXPECT_EQ(FormatEventName("libazureinit::azure_init::a", "b"), "azure_init::a:b")
      << "only the first prefix goes";
  EXPECT_EQ(FormatEventName("azure_init::foo", "foo"), "foo:foo");
}

TEST(ValueTest, AFailedSpanSaysWhy) {
  const std::string times = SpanValue(kWholeSecond, kMoment);
  EXPECT_EQ(times, "Start: 2025-11-13T17:52:10.000Z | End: 2025-11-13T17:52:10.123Z");
  EXPECT_EQ(FailedSpanValue(kWholeSecond, kMoment, "exit status 7"),
            times + " | Status: error: exit status 7");
  EXPECT_EQ(FailedSpanValue(kWholeSecond, kMoment, ""), times + " | Status: error");
}

TEST(ValueTest, AFailedSpanStaysOneRecord) {
  const size_t room = kSafeValueBytes - FailedSpanValue(kWholeSecond, kMoment, "x").size() + 1;
  const std::string fits(room, 'x');
  EXPECT_EQ(FailedSpanValue(kWholeSecond, kMoment, fits).size(), kSafeValueBytes);
  EXPECT_TRUE(FailedSpanValue(kWholeSecond, kMoment, fits).ends_with("xxx"));
  for (size_t ascii = 0; ascii < 4; ++ascii) {
    std::string message(ascii, 'x');
    while (message.size() < 2 * kSafeValueBytes) message += "\U0001F600";
    const std::string value = FailedSpanValue(kWholeSecond, kMoment, message);
    EXPECT_LE(value.size(), kSafeValueBytes);
    EXPECT_GT(value.size(), kSafeValueBytes - 4);
    EXPECT_TRUE(value.ends_with("..."));
    EXPECT_TRUE(IsValidUtf8(value));
  }
}

}  // namespace
}  // namespace sluice::kvp
