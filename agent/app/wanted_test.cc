#include "agent/app/wanted.h"

#include <string>

#include "agent/filter/filter.h"
#include "agent/sinks/sink_kinds.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"

namespace sluice::app {
namespace {

// Every filter is `off`, and the views want nothing.
config::AgentConfig AllOff() {
  config::AgentConfig config = sinks::ConfigSchema().Defaults({});
  config.journal.level = filter::LevelFilter::kOff;
  const auto off = filter::Filter::Parse("off", {}).filter;
  for (config::SinkConfig& sink : config.sinks) sink.filter.compiled = off;
  return config;
}

v1::Record ReportEvent(const std::string& report) {
  v1::Record record = testing::EventRecord("Provisioning report");
  record.set_target("my::report");
  testing::AddTextAttribute(&record, "health_report", report);
  return record;
}

class WantedTest : public ::testing::Test {
 protected:
  // As admission asks.
  bool Wants(const v1::Record& record) {
    const std::string encoded = record.SerializeAsString();
    const RecordVerdict verdict = CheckRecord(encoded);
    EXPECT_EQ(verdict.fault, RecordFault::kNone);
    return Wanted(config_).Wants({.record = &verdict.view,
                                  .key_sizes = verdict.key_sizes,
                                  .origin = &origin_,
                                  .sender_is_host_root = is_host_root_,
                                  .counts = &counts_});
  }
  void SwitchPoolOff(const std::string& key) {
    for (config::SinkConfig& sink : config_.sinks) {
      if (sink.name == "kvp") sink.off_by = key;
    }
  }
  uint64_t refused(const std::string& reason) { return counts_[{"kvp.report_refused", reason}]; }

  config::AgentConfig config_ = AllOff();
  live::Origin origin_;
  bool is_host_root_ = true;
  live::Counts counts_;
};

TEST_F(WantedTest, AReportOfHostRootIsWantedWhateverTheFiltersSay) {
  EXPECT_FALSE(Wants(testing::EventRecord("event")));
  EXPECT_FALSE(Wants(testing::WholeRecord(1, 1)));
  v1::Record report = ReportEvent("result=success");
  report.set_level(v1::LEVEL_TRACE);
  EXPECT_TRUE(Wants(report));
  EXPECT_TRUE(counts_.empty());
}

TEST_F(WantedTest, TellsWhichSinkTakesAReport) {
  std::vector<std::string> sinks;
  const Wanted wanted(config_, [&](const std::string& sink) { sinks.push_back(sink); });
  for (const char* report : {"result=success", ""}) {
    const std::string encoded = ReportEvent(report).SerializeAsString();
    const RecordVerdict verdict = CheckRecord(encoded);
    wanted.Wants({.record = &verdict.view,
                  .key_sizes = verdict.key_sizes,
                  .origin = &origin_,
                  .sender_is_host_root = true,
                  .counts = &counts_});
  }
  EXPECT_EQ(sinks, std::vector<std::string>{"kvp"});
}

TEST_F(WantedTest, AReportThatIsRefusedIsAnEventLikeAnyOther) {
  EXPECT_FALSE(Wants(ReportEvent(std::string(1023, 'x'))));
  EXPECT_FALSE(Wants(ReportEvent("")));
  EXPECT_EQ(refused("size"), 2u);
  is_host_root_ = false;
  EXPECT_FALSE(Wants(ReportEvent("of a container")));
  EXPECT_EQ(refused("container"), 1u);
  origin_.identity.uid = 5;
  EXPECT_FALSE(Wants(ReportEvent("of a user")));
  EXPECT_EQ(refused("not_root"), 1u);
  origin_.identity.uid = 0;
  is_host_root_ = true;
  SwitchPoolOff("telemetry.kvp_diagnostics");
  EXPECT_FALSE(Wants(ReportEvent("while it is off")));
  EXPECT_EQ(refused("off"), 1u);
  config_.journal.level = filter::LevelFilter::kInfo;
  EXPECT_TRUE(Wants(ReportEvent("while it is off")));
  EXPECT_EQ(refused("off"), 2u) << "wanted or not";
}

TEST_F(WantedTest, AttributesOfTheSameSizeAndSpansHoldNoReport) {
  v1::Record event = testing::EventRecord("event");
  testing::AddTextAttribute(&event, "13_bytes_long", "result=success");
  EXPECT_FALSE(Wants(event));
  v1::Record span = testing::WholeRecord(1, 1);
  auto& attribute = *span.mutable_span()->add_attributes();
  attribute.set_key("health_report");
  attribute.mutable_value()->set_string_value("result=success");
  EXPECT_FALSE(Wants(span));
  EXPECT_TRUE(counts_.empty());
}

TEST_F(WantedTest, ClientsAreToldToSendWhatASinkTakesUnfiltered) {
  const v1::Hint hint = Wanted(config_).ToHint();
  EXPECT_TRUE(hint.default_off());
  ASSERT_EQ(hint.targets_size(), 1);
  EXPECT_EQ(hint.targets(0).target_prefix(), "libazureinit::health::report");
  EXPECT_EQ(hint.targets(0).level(), v1::LEVEL_INFO);
  SwitchPoolOff("kvp.enabled");
  EXPECT_EQ(Wanted(config_).ToHint().targets_size(), 0);
}

}  // namespace
}  // namespace sluice::app
