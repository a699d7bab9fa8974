#include "proto/kvp/cloud_init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/records.h"

namespace sluice::kvp {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::Field;
using ::testing::Le;
using ::testing::StartsWith;

constexpr std::string_view kReporterVmId = "26bd6c2f-ecc6-4b04-9f79-e500096ee45b";
constexpr std::string_view kReportUuid = "b8398a61-459c-4e35-95fd-c3a099396a02";

std::vector<KeyAndValue> RecordsOf(const CloudInitReport& report) {
  return CloudInitRecords(report, "CLOUD_INIT|1700000000", kReporterVmId, kReportUuid);
}

CloudInitReport Start(std::string_view message) {
  return {.type = "start",
          .name = "init-local",
          .time = "2023-11-14T22:13:20.250000+00:00",
          .result = {},
          .message = message,
          .duration = {},
          .has_vm_id = true};
}

TEST(CloudInitTest, WritesWhatCloudInitWrites) {
  const auto records = RecordsOf(Start("searching"));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].key,
            "CLOUD_INIT|1700000000|start|init-local|26bd6c2f-ecc6-4b04-9f79-e500096ee45b|"
            "b8398a61-459c-4e35-95fd-c3a099396a02");
  EXPECT_EQ(records[0].value,
            R"({"name":"init-local","type":"start","ts":"2023-11-14T22:13:20.250000+00:00",)"
            R"("msg":"searching"})");
}

TEST(CloudInitTest, WritesResultAndDurationAndOlderKeys) {
  CloudInitReport report = Start("running modules for final");
  report.type = "finish";
  report.result = "SUCCESS";
  report.duration = 3;
  report.has_vm_id = false;
  const auto records = RecordsOf(report);
  EXPECT_EQ(records[0].key,
            "CLOUD_INIT|1700000000|finish|init-local|b8398a61-459c-4e35-95fd-c3a099396a02");
  EXPECT_EQ(records[0].value,
            R"({"name":"init-local","type":"finish","ts":"2023-11-14T22:13:20.250000+00:00",)"
            R"("result":"SUCCESS","duration":3.0,"msg":"running modules for final"})");
  report.duration = 2.5;
  EXPECT_THAT(RecordsOf(report)[0].value, ::testing::HasSubstr(R"("duration":2.5,)"));
}

TEST(CloudInitTest, EscapesAsPythonDoes) {
  EXPECT_THAT(RecordsOf(Start("h\u00e9 \U0001F600 \"q\" \\ \n|\x7f\xff"))[0].value,
              EndsWith(R"("msg":"h\u00e9 \ud83d\ude00 \"q\" \\ \n|\u007f\ufffd"})"));
}

TEST(CloudInitTest, GoesOnInNumberedRecordsThatAreJsonEach) {
  const auto records = RecordsOf(Start(std::string(700, '"')));
  ASSERT_EQ(records.size(), 2u);
  std::string joined;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string number = std::to_string(i);
    EXPECT_THAT(records[i].key, EndsWith("|" + number));
    const std::string head =
        R"({"name":"init-local","type":"start","ts":"2023-11-14T22:13:20.250000+00:00","msg_i":)" +
        number + R"(,"msg":")";
    ASSERT_THAT(records[i].value, AllOf(StartsWith(head), EndsWith("\"}")));
    EXPECT_LE(records[i].value.size(), 1022u);
    joined += records[i].value.substr(head.size(), records[i].value.size() - head.size() - 2);
  }
  EXPECT_EQ(joined.size(), 1400u);
}

TEST(CloudInitTest, KeepsItsLimitsWhateverTheName) {
  const std::string name = "a|b" + std::string(2000, '\1');
  const std::string message(3000, 'x');
  CloudInitReport report = Start(message);
  report.name = name;
  for (const KeyAndValue& record : RecordsOf(report)) {
    EXPECT_THAT(record.key, AllOf(::testing::SizeIs(Le(254u)), ::testing::HasSubstr("|a_b")));
    EXPECT_THAT(record.value, ::testing::SizeIs(Le(1022u)));
  }
}

TEST(CloudInitTest, FindsReportsAmongEvents) {
  v1::Record record = testing::EventRecord("searching");
  const std::string plain = record.SerializeAsString();
  EXPECT_FALSE(FindCloudInitReport(*ReadRecord(plain)).has_value());
  testing::AddTextAttribute(&record, "cloudinit.type", "start");
  const std::string half = record.SerializeAsString();
  EXPECT_FALSE(FindCloudInitReport(*ReadRecord(half)).has_value());
  testing::AddTextAttribute(&record, "cloudinit.time", "now");
  const std::string whole = record.SerializeAsString();
  const auto found = FindCloudInitReport(*ReadRecord(whole));
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(*found, AllOf(Field(&CloudInitReport::type, "start"),
                            Field(&CloudInitReport::message, "searching")));
}

}  // namespace
}  // namespace sluice::kvp
