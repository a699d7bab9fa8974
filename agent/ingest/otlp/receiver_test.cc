#include "agent/ingest/otlp/receiver.h"

#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"

namespace sluice::ingest::otlp {
namespace {

namespace v1 = sluice::otlp::v1;

TEST(EncodeResponseTest, SaysNothingWhereAllWasTaken) { EXPECT_EQ(EncodeResponse({}), ""); }

TEST(EncodeResponseTest, NamesWhatWasRejectedInEachSignalsResponse) {
  const std::string encoded = EncodeResponse({.rejected = 3, .message = "bad_span_id: 3"});
  v1::ExportTraceServiceResponse traces;
  ASSERT_TRUE(traces.ParseFromString(encoded));
  EXPECT_EQ(traces.partial_success().rejected_spans(), 3);
  EXPECT_EQ(traces.partial_success().error_message(), "bad_span_id: 3");
  v1::ExportLogsServiceResponse logs;
  ASSERT_TRUE(logs.ParseFromString(encoded));
  EXPECT_EQ(logs.partial_success().rejected_log_records(), 3);
  v1::ExportMetricsServiceResponse metrics;
  ASSERT_TRUE(metrics.ParseFromString(encoded));
  EXPECT_EQ(metrics.partial_success().rejected_data_points(), 3);
}

TEST(EncodeResponseTest, WarnsWithoutARejection) {
  v1::ExportLogsServiceResponse logs;
  ASSERT_TRUE(logs.ParseFromString(EncodeResponse({.message = "2 ids were dropped"})));
  EXPECT_TRUE(logs.has_partial_success());
  EXPECT_EQ(logs.partial_success().rejected_log_records(), 0);
}

}  // namespace
}  // namespace sluice::ingest::otlp
