#include "proto/kvp/report.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr char kVm[] = "00000000-0000-0000-0000-000000000abc";
constexpr char kTime[] = "2026-06-17T00:00:00+00:00";

ProvisioningReport Success() {
  return {.agent = "Azure-Init/0.0.0", .vm_id = kVm, .timestamp = kTime};
}
ProvisioningReport Failure() {
  return {.success = false,
          .reason = "boom",
          .agent = "Azure-Init/0.0.0",
          .vm_id = kVm,
          .timestamp = kTime};
}

std::string Azure(const std::vector<std::string>& fields) { return JoinReportFields(fields, '"'); }
std::string Cloud(const std::vector<std::string>& fields) { return JoinReportFields(fields, '\''); }

TEST(ReportFieldsTest, QuotesAsAzureInitDoes) {
  EXPECT_EQ(Azure({"result=error", "reason=a|b", "agent=x"}),
            "result=error|\"reason=a|b\"|agent=x");
  EXPECT_EQ(Azure({"reason=say \"hi\""}), "\"reason=say \"\"hi\"\"\"");
  EXPECT_EQ(Azure({"reason=it's", "a b"}), "reason=it's|a b");
  EXPECT_EQ(Azure({"reason=a\nb"}), "\"reason=a\nb\"");
  EXPECT_EQ(Azure({"reason=a\rb"}), "\"reason=a\rb\"");
  EXPECT_EQ(Azure({"a=1", "k=a|b"}), "a=1|\"k=a|b\"") << "the last quote stays";
  EXPECT_EQ(Azure({}), "");
}

TEST(ReportFieldsTest, QuotesAsCloudInitDoes) {
  EXPECT_EQ(Cloud({"result=error", "reason=a|b", "agent=x"}), "result=error|'reason=a|b'|agent=x");
  EXPECT_EQ(Cloud({"reason=it's"}), "'reason=it''s'");
  EXPECT_EQ(Cloud({"reason=say \"hi\""}), "reason=say \"hi\"");
}

TEST(ProvisioningReportTest, OrdersFieldsAsAzureInitDoes) {
  const std::string success =
      "result=success|agent=Azure-Init/0.0.0|pps_type=None|"
      "vm_id=00000000-0000-0000-0000-000000000abc|timestamp=2026-06-17T00:00:00+00:00";
  ProvisioningReport report = Success();
  EXPECT_EQ(EncodeReport(report, ReportDialect::kAzureInit), success);
  report.extras = {{"endpoint", "http://example.com"}, {"status", "404"}};
  EXPECT_EQ(EncodeReport(report, ReportDialect::kAzureInit),
            success + "|endpoint=http://example.com|status=404");
  report = Success();
  report.pps_type = "Savable";
  EXPECT_NE(EncodeReport(report, ReportDialect::kAzureInit).find("|pps_type=Savable|"),
            std::string::npos);
}

TEST(ProvisioningReportTest, PutsTheDetailsOfAFailureInTheMiddle) {
  ProvisioningReport report = Failure();
  const std::string tail = std::string("|pps_type=None|vm_id=") + kVm + "|timestamp=" + kTime;
  EXPECT_EQ(EncodeReport(report, ReportDialect::kAzureInit),
            "result=error|reason=boom|agent=Azure-Init/0.0.0" + tail);
  report.extras = {{"details", "bad config"}};
  report.documentation_url = kProvisioningErrorUrl;
  EXPECT_EQ(EncodeReport(report, ReportDialect::kAzureInit),
            "result=error|reason=boom|agent=Azure-Init/0.0.0|details=bad config" + tail +
                "|documentation_url=https://aka.ms/linuxprovisioningerror");
}

TEST(ProvisioningReportTest, OrdersFieldsAsCloudInitDoes) {
  ProvisioningReport report = {.success = false,
                               .reason = "test",
                               .agent = "Cloud-Init/24.1",
                               .vm_id = kVm,
                               .timestamp = "2023-01-02T03:04:05.678900+00:00",
                               .documentation_url = std::string(kProvisioningErrorUrl),
                               .extras = {{"a", "1"}, {"b", "x|y"}}};
  EXPECT_EQ(EncodeReport(report, ReportDialect::kCloudInit),
            "result=error|reason=test|agent=Cloud-Init/24.1|a=1|'b=x|y'|"
            "vm_id=00000000-0000-0000-0000-000000000abc|"
            "timestamp=2023-01-02T03:04:05.678900+00:00|"
            "documentation_url=https://aka.ms/linuxprovisioningerror");
  EXPECT_EQ(
      EncodeReport(Success(), ReportDialect::kCloudInit),
      std::string("result=success|agent=Azure-Init/0.0.0|timestamp=") + kTime + "|vm_id=" + kVm);
}

}  // namespace
}  // namespace sluice
