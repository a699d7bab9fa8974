#include "agent/ingest/otlp/metric_check.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "proto/wire/writer.h"

namespace sluice::ingest::otlp {
namespace {

std::string Field(uint32_t number, std::string_view content) {
  std::string field;
  StringWireWriter{StringSink(&field)}.Bytes(number, content);
  return field;
}

// A Gauge with points that have an attribute.
std::string GaugeOf(int points, std::string_view key) {
  std::string gauge;
  for (int i = 0; i < points; ++i) gauge += Field(1, Field(7, Field(1, key)));
  return Field(1, "requests") + Field(5, gauge);
}

TEST(CheckMetricTest, CountsDataPointsOfEachKind) {
  EXPECT_EQ(CheckMetric(GaugeOf(3, "k")).data_points, 3u);
  for (const uint32_t kind : {5, 7, 9, 10, 11}) {
    const std::string metric = Field(kind, Field(1, "") + Field(1, ""));
    EXPECT_EQ(CheckMetric(metric).data_points, 2u) << kind;
  }
  EXPECT_EQ(CheckMetric("").data_points, 0u);
}

TEST(CheckMetricTest, FindsBadTextAtAnyDepth) {
  EXPECT_FALSE(CheckMetric(GaugeOf(1, "k")).invalid_utf8);
  EXPECT_TRUE(CheckMetric(GaugeOf(1, "\xff")).invalid_utf8);
  EXPECT_TRUE(CheckMetric(Field(1, "\xff")).invalid_utf8);
}

TEST(CheckMetricTest, NamesWhatIsMalformed) {
  EXPECT_EQ(CheckMetric("\x0a\x7f").fault, RecordFault::kMalformed);
  EXPECT_EQ(CheckMetric("\x28\x01").fault, RecordFault::kMalformed) << "a number for a gauge";
  EXPECT_EQ(CheckMetric("\x28\x01").data_points, 1u);
  EXPECT_EQ(CheckMetric(std::string(limits::kOtlpItemBytes + 1, 'x')).fault,
            RecordFault::kTooLarge);
  std::string value = Field(1, "deep");
  for (int i = 0; i < 200; ++i) value = Field(5, Field(1, value));
  EXPECT_EQ(CheckMetric(Field(5, Field(1, Field(7, Field(2, value))))).fault,
            RecordFault::kMalformed);
}

}  // namespace
}  // namespace sluice::ingest::otlp
