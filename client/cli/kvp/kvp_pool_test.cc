// Decoding, usage and check of pools in which everybody has written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/kvp/check.h"
#include "client/cli/kvp/cloud_init_value.h"
#include "client/cli/kvp/decode.h"
#include "client/cli/kvp/pool_image.h"
#include "client/cli/kvp/source.h"
#include "client/cli/kvp/usage.h"
#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kVm[] = "26bd6c2f-ecc6-4b04-9f79-e500096ee45b";
constexpr char kUuid[] = "b8398a61-459c-4e35-95fd-c3a099396a02";
constexpr uint64_t kSecond = 1'000'000'000;

std::string AzureKey(const std::string& name, const std::string& level = "INFO",
                     const std::string& prefix = "azure-init-0.1.1") {
  return prefix + "|" + kVm + "|" + level + "|" + name + "|" + kUuid;
}
std::string CloudKey(const std::string& type, const std::string& name,
                     const std::string& chunk = "") {
  return "CLOUD_INIT|1700000000|" + type + "|" + name + "|" + kVm + "|" + kUuid + chunk;
}
std::string OldCloudKey(const std::string& type, const std::string& name) {
  return "CLOUD_INIT|1700000000|" + type + "|" + name + "|" + kUuid;
}

TEST(ParseKeyTest, ReadsAzureInitsGrammar) {
  const std::string key = AzureKey("provision::user:create_user", "WARN");
  const Source source = ParseKey(key);
  EXPECT_EQ(source.writer, Writer::kAzureInit);
  EXPECT_EQ(source.prefix, "azure-init-0.1.1");
  EXPECT_EQ(source.vm_id, kVm);
  EXPECT_EQ(source.level, Level::kWarn);
  EXPECT_EQ(source.name, "provision::user:create_user");
  EXPECT_EQ(source.uuid, kUuid);
}

TEST(ParseKeyTest, TellsOurRecordsByTheirPrefix) {
  const std::string key = AzureKey("x", "INFO", "sluice-0.1.0-u1000");
  EXPECT_EQ(ParseKey(key).writer, Writer::kSluice);
}

TEST(ParseKeyTest, ReadsBothFormsOfCloudInit) {
  const std::string now = CloudKey("finish", "a|b", "|12");
  const Source current = ParseKey(now);
  EXPECT_EQ(current.writer, Writer::kCloudInit);
  EXPECT_EQ(current.prefix, "CLOUD_INIT|1700000000");
  EXPECT_EQ(current.type, "finish");
  EXPECT_EQ(current.name, "a|b");
  EXPECT_EQ(current.vm_id, kVm);
  EXPECT_EQ(current.uuid, kUuid);
  EXPECT_EQ(current.chunk, 12u);
  EXPECT_EQ(current.event_key, CloudKey("finish", "a|b"));
  const std::string before = OldCloudKey("start", "init-local");
  const Source old = ParseKey(before);
  EXPECT_EQ(old.vm_id, "");
  EXPECT_EQ(old.name, "init-local");
  EXPECT_EQ(old.chunk, std::nullopt);
}

TEST(ParseKeyTest, TakesAnythingElseAsItIs) {
  for (const char* key : {"", "|", "||||", "a|b|INFO|c|not-a-uuid", "CLOUD_INIT", "CLOUD_INIT|",
                          "CLOUD_INIT|1|start", "host_key"}) {
    EXPECT_EQ(ParseKey(key).uuid, "") << key;
  }
}

TEST(ParseUtcTest, ReadsWhatTheWritersWrite) {
  EXPECT_EQ(ParseUtc("1970-01-01T00:00:00Z"), 0u);
  EXPECT_EQ(ParseUtc("2023-11-14T22:13:20.250000+00:00"), 1'700'000'000'250'000'000u);
  EXPECT_EQ(ParseUtc("2023-11-14T22:13:20"), 1'700'000'000 * kSecond);
  EXPECT_EQ(ParseUtc("2023-11-14T22:13:20.123456789Z"), 1'700'000'000'123'456'789u);
  for (const char* bad : {"", "2023", "2023-11-14 22:13:20Z", "2023-02-30T00:00:00Z",
                          "2023-11-14T25:00:00Z", "2023-11-14T22:13:20+02:00",
                          "1969-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "-023-11-14T22:13:20Z"}) {
    EXPECT_EQ(ParseUtc(bad), std::nullopt) << bad;
  }
}

TEST(UnescapeJsonTest, UndoesEscapesAndKeepsWhatIsNone) {
  EXPECT_EQ(UnescapeJson(R"(h\u00e9 \ud83d\ude00 \"q\" \\ \n|)"), "hé 😀 \"q\" \\ \n|");
  EXPECT_EQ(UnescapeJson(R"(\ud83d \udc00)"), "\xef\xbf\xbd \xef\xbf\xbd");
  EXPECT_EQ(UnescapeJson(R"(\x \u12 \)"), R"(\x \u12 \)");
}

TEST(DecodeTest, ReadsEventsAndSpansOfAzureInit) {
  const PoolImage image(
      RawRecord(AzureKey("azure_init:provision"),
                "Time: 2025-11-13T17:52:10.123Z | Event: message=a | b, x=\"1\"") +
      RawRecord(AzureKey("provision::user:create_user", "ERROR"),
                "Start: 2025-11-13T17:52:09.000Z | End: 2025-11-13T17:52:10.500Z"));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].kind, ItemKind::kSpan);
  EXPECT_EQ(items[0].level, Level::kError);
  EXPECT_EQ(*items[0].end - *items[0].begin, kSecond * 3 / 2);
  EXPECT_EQ(items[1].kind, ItemKind::kEvent);
  EXPECT_EQ(items[1].text, "message=a | b, x=\"1\"");
  EXPECT_EQ(items[1].name, "azure_init:provision");
}

TEST(DecodeTest, KeepsWhatFollowsASpansTimes) {
  const std::string span = "Start: 2025-11-13T17:52:09.000Z | End: 2025-11-13T17:52:10.500Z";
  const PoolImage image(
      RawRecord(AzureKey("a", "ERROR", "sluice-0.1.0"),
                span + " | Status: error: aborted: signal 9 (SIGKILL)") +
      RawRecord(AzureKey("b"), span + " | More: x") + RawRecord(AzureKey("c"), span) +
      RawRecord(AzureKey("d", "ERROR", "sluice-0.1.0"), span + " | Status: error: a | b") +
      RawRecord(AzureKey("e", "ERROR", "sluice-0.1.0"), span + " | Status: error") +
      RawRecord(AzureKey("f"), span + " | Status: errors"));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 6u);
  for (const Item& item : items) EXPECT_EQ(item.kind, ItemKind::kSpan);
  EXPECT_EQ(items[0].aborted, "signal 9 (SIGKILL)");
  EXPECT_EQ(items[0].text, "");
  EXPECT_EQ(items[1].aborted, "");
  EXPECT_EQ(items[1].text, "More: x");
  EXPECT_EQ(items[2].aborted + items[2].error + items[2].text, "");
  EXPECT_EQ(items[3].error, "a | b");
  EXPECT_EQ(items[3].aborted + items[3].text, "");
  EXPECT_EQ(items[4].error + items[4].text, "");
  EXPECT_EQ(items[5].text, "Status: errors");
  const bool failed[] = {true, false, false, true, true, false};
  for (size_t i = 0; i < items.size(); ++i) EXPECT_EQ(items[i].failed, failed[i]) << i;
}

TEST(DecodeTest, JoinsChunksUnderOneKeyThoughOthersStandBetween) {
  const std::string key = AzureKey("a:b");
  const std::string text = "Time: 2025-11-13T17:52:10.123Z | Event: " + std::string(2000, 'x');
  const PoolImage image(RawRecord(key, text.substr(0, 1022)) + RawRecord("other", "1") +
                        RawRecord(key, text.substr(1022)));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1].writer, Writer::kOther);  // without a time: behind the item before it
  EXPECT_EQ(items[0].text, std::string(2000, 'x'));
  EXPECT_THAT(items[0].records, ElementsAre(0, 2));
}

TEST(DecodeTest, SaysWhenTheRestOfALongTextWasGivenUp) {
  const std::string text =
      "Time: 2025-11-13T17:52:10.123Z | Event: message=" + std::string(2000, 'x');
  const std::string first = RawRecord(AzureKey("long"), text.substr(0, 1022));
  EXPECT_TRUE(Decode(PoolImage(first))[0].incomplete);
  // Before a code point of four bytes the record ends sooner.
  EXPECT_TRUE(Decode(PoolImage(RawRecord(AzureKey("long"), text.substr(0, 1019))))[0].incomplete);
  EXPECT_FALSE(
      Decode(PoolImage(first + RawRecord(AzureKey("long"), text.substr(1022, 900))))[0].incomplete);
}

TEST(DecodeTest, MendsTextThatAChunkCutInTwo) {
  const std::string key = AzureKey("a:b");
  const PoolImage image(RawRecord(key, "Time: 2025-11-13T17:52:10.123Z | Event: \xc3") +
                        RawRecord(key, "\xa9!"));
  EXPECT_EQ(Decode(image)[0].text, "é!");
}

TEST(DecodeTest, JoinsCloudInitsChunksInTheirOrderAcrossEscapes) {
  const std::string head =
      R"({"name":"d","type":"diagnostic","ts":"2023-11-14T22:13:20Z","msg_i":)";
  const PoolImage image(
      RawRecord(CloudKey("diagnostic", "d", "|1"), head + R"(1,"msg":"\" end"})") +
      RawRecord(CloudKey("diagnostic", "d", "|0"), head + R"(0,"msg":"begin \"})"));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].text, "begin \\\" end");
  EXPECT_EQ(items[0].kind, ItemKind::kEvent);
  EXPECT_THAT(items[0].records, ElementsAre(1, 0));
  EXPECT_FALSE(items[0].incomplete);
}

TEST(DecodeTest, SaysWhenAChunkIsMissing) {
  const PoolImage image(RawRecord(CloudKey("diagnostic", "d", "|1"),
                                  R"({"name":"d","type":"diagnostic","msg_i":1,"msg":"x"})"));
  EXPECT_TRUE(Decode(image)[0].incomplete);
}

TEST(DecodeTest, MakesASpanOfStartAndFinish) {
  const PoolImage image(
      RawRecord(OldCloudKey("start", "init-local"),
                R"({"name":"init-local","type":"start","ts":"2023-11-14T22:13:20Z","msg":"s"})") +
      RawRecord(OldCloudKey("finish", "init-local").replace(40, 1, "0"),
                R"({"name":"init-local","type":"finish","ts":"2023-11-14T22:13:22.500000Z",)"
                R"("result":"SUCCESS","msg":"found local data"})") +
      RawRecord(OldCloudKey("start", "hangs"),
                R"({"name":"hangs","type":"start","ts":"2023-11-14T22:13:30Z","msg":"h"})"));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].kind, ItemKind::kSpan);
  EXPECT_EQ(*items[0].end - *items[0].begin, kSecond * 5 / 2);
  EXPECT_EQ(items[0].result, "SUCCESS");
  EXPECT_EQ(items[0].text, "found local data");
  EXPECT_EQ(items[0].start_text, "s");
  EXPECT_THAT(items[0].records, ElementsAre(0, 1));
  EXPECT_EQ(items[1].kind, ItemKind::kSpan);
  EXPECT_EQ(items[1].end, std::nullopt);
}

TEST(DecodeTest, DoesNotRepeatAStartThatSaysWhatItsFinishSays) {
  const PoolImage image(
      RawRecord(OldCloudKey("start", "n"), R"({"ts":"2023-11-14T22:13:20Z","msg":"same"})") +
      RawRecord(OldCloudKey("finish", "n"), R"({"ts":"2023-11-14T22:13:22Z","msg":"same"})"));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].text, "same");
  EXPECT_EQ(items[0].start_text, "");
}

TEST(DecodeTest, MakesASpanOfAFinishWithItsDuration) {
  const PoolImage image(RawRecord(
      CloudKey("finish", "modules-final"),
      R"({"name":"modules-final","type":"finish","ts":"2025-11-06T19:53:30.941724+00:00",)"
      R"("result":"SUCCESS","duration":2.5,"msg":"running modules for final"})"));
  const std::vector<Item> items = Decode(image);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].kind, ItemKind::kSpan);
  EXPECT_EQ(*items[0].end - *items[0].begin, kSecond * 5 / 2);
}

TEST(DecodeTest, KeepsEachReportAndOrdersByTime) {
  const PoolImage image(
      RawRecord(AzureKey("late"), "Time: 2025-11-13T17:52:20.000Z | Event: message=late") +
      RawRecord("PROVISIONING_REPORT", "result=success|agent=a") +
      RawRecord("PROVISIONING_REPORT", "result=error|agent=b") +
      RawRecord(AzureKey("early"), "Time: 2025-11-13T17:52:10.000Z | Event: message=early"));
  std::vector<std::string> texts;
  for (const Item& item : Decode(image)) texts.push_back(item.text);
  EXPECT_THAT(texts, ElementsAre("message=early", "message=late", "result=success|agent=a",
                                 "result=error|agent=b"));
}

TEST(UsageTest, SaysHowFullAndByWhom) {
  const PoolImage image(RawRecord(AzureKey("a"), "12345") + RawRecord(AzureKey("b"), "") +
                        RawRecord(CloudKey("start", "x"), "{}") + RawRecord("loose", "1") + "torn");
  const PoolUsage usage = Usage(image);
  EXPECT_EQ(usage.records, 4u);
  EXPECT_EQ(usage.torn_bytes, 4u);
  EXPECT_EQ(usage.file_bytes, 4 * 2560u + 4);
  ASSERT_EQ(usage.shares.size(), 3u);
  EXPECT_EQ(usage.shares[0].source, "azure-init-0.1.1");
  EXPECT_EQ(usage.shares[0].records, 2u);
  EXPECT_EQ(usage.shares[0].text_bytes, AzureKey("a").size() + AzureKey("b").size() + 5);
}

TEST(CheckTest, FindsNothingInAPoolThatTheHostReads) {
  EXPECT_THAT(Check(PoolImage(RawRecord("a", "é😀") + RawRecord("b", ""))), IsEmpty());
  EXPECT_THAT(Check(PoolImage("")), IsEmpty());
}

TEST(CheckTest, SaysWhatInvalidTextHides) {
  const std::vector<Finding> findings =
      Check(PoolImage(RawRecord("a", "1") + RawRecord("b", "\xc3") + RawRecord("c", "1")));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].harm, Harm::kHidesRest);
  EXPECT_EQ(findings[0].record, 1u);
  EXPECT_THAT(findings[0].what, HasSubstr("the 1 after it"));
}

TEST(CheckTest, CountsUtf16UnitsAtTheKernelsLimits) {
  const auto harms = [](const std::string& key, const std::string& value) {
    return Check(PoolImage(RawRecord(key, value))).size();
  };
  EXPECT_EQ(harms(std::string(254, 'k'), std::string(1022, 'v')), 0u);
  EXPECT_EQ(harms(std::string(255, 'k'), "v"), 1u);
  EXPECT_EQ(harms("k", std::string(1023, 'v')), 1u);
  std::string pairs;
  for (int i = 0; i < 511; ++i) pairs += "😀";  // 1022 units in 2044 bytes
  EXPECT_EQ(harms("k", pairs), 0u);
  EXPECT_EQ(harms("k", "a" + pairs), 1u);
  // What is behind the cut is not looked at.
  EXPECT_EQ(Check(PoolImage(RawRecord("k", std::string(1022, 'v') + "\xff")))[0].harm, Harm::kCut);
  EXPECT_EQ(Check(PoolImage(RawRecord("k", std::string(1021, 'v') + "\xff")))[0].harm,
            Harm::kHidesRest);
}

TEST(CheckTest, FindsFieldsWithoutEnd) {
  const std::vector<Finding> findings =
      Check(PoolImage(RawRecord(std::string(512, 'K'), std::string(2048, 'v'))));
  std::vector<Harm> harms;
  for (const Finding& finding : findings) harms.push_back(finding.harm);
  EXPECT_THAT(harms, ElementsAre(Harm::kCut, Harm::kCut, Harm::kConfusing, Harm::kConfusing));
}

TEST(CheckTest, FindsDuplicatesEmptyKeysAndATornTail) {
  const std::vector<Finding> findings = Check(PoolImage(RawRecord("a", "1") + RawRecord("a", "2") +
                                                        RawRecord("", "") + std::string(7, 'x')));
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[0].record, 1u);
  EXPECT_EQ(findings[1].record, 2u);
  EXPECT_EQ(findings[2].harm, Harm::kFile);
  EXPECT_EQ(findings[2].record, std::nullopt);
}

constexpr char kAzureText[] = "Time: 2023-11-14T22:13:23.000Z | Event: message=hello";

std::string NumberedRecord(int number, const std::string& prefix = "azure-init-0.1.1") {
  return RawRecord(AzureKey("a:" + std::to_string(number), "INFO", prefix), kAzureText);
}

// What is found in the records of a file of these bytes.
std::vector<std::string> ShiftsIn(const std::string& bytes) {
  std::vector<std::string> shifts;
  for (const Finding& finding : Check(PoolImage(bytes))) {
    if (finding.harm == Harm::kShifted) shifts.push_back(finding.what.substr(0, 36));
  }
  return shifts;
}

TEST(CheckTest, FindsWhatATornRecordInTheMiddleShifted) {
  const std::string pool =
      NumberedRecord(1) + std::string(100, 'T') + NumberedRecord(2) + NumberedRecord(3);
  const std::vector<Finding> findings = Check(PoolImage(pool));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].harm, Harm::kShifted);
  EXPECT_EQ(findings[0].record, 1u);
  EXPECT_THAT(findings[0].what, HasSubstr("shifted by 100 bytes from record 1: "));
  EXPECT_THAT(findings[0].what, HasSubstr("'sluice kvp clear'"));
  EXPECT_THAT(findings[0].what, HasSubstr("the 100 bytes before byte 2660"));
  std::string mended = pool;
  EXPECT_THAT(Check(PoolImage(mended.erase(2660 - 100, 100))), IsEmpty());
}

TEST(CheckTest, FindsAShiftOfEachKindOfRecordAtEachOffset) {
  const std::string others[] = {
      NumberedRecord(1), NumberedRecord(1, "sluice-0.1.0"),
      RawRecord(OldCloudKey("start", "x"), R"({"name":"x","type":"start","msg":""})"),
      RawRecord(CloudKey("diagnostic", "x", "|3"), R"({"name":"x","msg_i":3,"msg":""})"),
      RawRecord("PROVISIONING_REPORT", "result=success|agent=a")};
  for (const std::string& other : others) {
    // A write that was cut short ends at a page's end most of all.
    for (const size_t torn : {1, 99, 511, 512, 513, 1024, 1536, 2048, 2559}) {
      const std::string text = NumberedRecord(7).substr(0, torn);
      EXPECT_EQ(ShiftsIn(NumberedRecord(5) + text + other).size(), 1u) << torn << other;
    }
  }
  // A prefix of our own choice, behind the zeros that most torn records end in.
  EXPECT_EQ(ShiftsIn(std::string(100, '\0') + NumberedRecord(1, "mine-1")).size(), 1u);
}

TEST(CheckTest, TellsEachStretchOfAShift) {
  const std::string torn(100, 'T');
  const std::string rest(2460, '\0');
  const std::string pool = NumberedRecord(1) + torn + NumberedRecord(2) + torn + NumberedRecord(3) +
                           NumberedRecord(4) + rest.substr(100) + NumberedRecord(5) +
                           NumberedRecord(6);
  EXPECT_THAT(ShiftsIn(pool), ElementsAre(HasSubstr("by 100 bytes from record 1"),
                                          HasSubstr("by 200 bytes from record 2")));
  const PoolUsage usage = Usage(PoolImage(pool));
  EXPECT_EQ(usage.records, 7u);
  EXPECT_EQ(usage.shifted, 4u);
  ASSERT_EQ(usage.shares.size(), 1u);
  EXPECT_EQ(usage.shares[0].source, "azure-init-0.1.1");
  EXPECT_EQ(usage.shares[0].records, 3u);
}

TEST(CheckTest, TakesNoTextThatQuotesAKeyForAShift) {
  const std::string key = AzureKey("a");
  const std::string next = NumberedRecord(2);
  EXPECT_THAT(ShiftsIn(RawRecord("k", key) + next), IsEmpty());
  EXPECT_THAT(ShiftsIn(RawRecord("k", "Time: " + key) + next), IsEmpty());
  EXPECT_THAT(ShiftsIn(RawRecord("x|" + key, kAzureText) + next), IsEmpty());
  EXPECT_THAT(ShiftsIn(RawRecord("k", "PROVISIONING_REPORT") + next), IsEmpty());
  // The key's field would end with the value's.
  EXPECT_THAT(ShiftsIn(RawRecord("k", std::string(1536, 'v') + key) + next), IsEmpty());
  EXPECT_THAT(ShiftsIn(RawRecord("k", key + " = " + kAzureText) + next), IsEmpty());
  // The daemon leaves the end of a longer text behind the NUL of a shorter.
  std::string moved = NumberedRecord(1);
  moved.replace(0, 2, std::string("k\0", 2)).replace(512, 2, std::string("v\0", 2));
  EXPECT_THAT(ShiftsIn(moved + next), IsEmpty());
}

TEST(CheckTest, SaysWhenThereAreMany) {
  std::string records;
  for (int i = 0; i < 1000; ++i) records += RawRecord("k" + std::to_string(i), "v");
  EXPECT_THAT(Check(PoolImage(records)), IsEmpty());
  EXPECT_EQ(Check(PoolImage(records + RawRecord("one more", "v"))).size(), 1u);
}

TEST(ReadPoolTest, ReadsWhatIsThereAndChangesNothing) {
  PoolDirectory directory;
  directory.Write(RawRecord("a", "1") + "torn");
  ASSERT_EQ(::chmod(directory.pool().c_str(), 0400), 0);
  const auto image = ReadPool(directory.pool());
  ASSERT_TRUE(image.ok()) << image.failure().message;
  EXPECT_EQ(image->size(), 1u);
  EXPECT_EQ(image->torn_bytes(), 4u);
  EXPECT_EQ(directory.Bytes(), RawRecord("a", "1") + "torn");
}

TEST(ReadPoolTest, NamesWhatItCannotRead) {
  PoolDirectory directory;
  const auto image = ReadPool(directory.file(".kvp_pool_3"));
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.failure().code, cli::kExitIo);
  EXPECT_THAT(image.failure().message, HasSubstr(".kvp_pool_3"));
}

}  // namespace
}  // namespace sluice::kvp
