#include "tests/support/field_numbers.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "sluice/otlp/v1/rpc_status.pb.h"
#include "sluice/v1/ingest.pb.h"
#include "sluice/v1/query.pb.h"

namespace sluice {
namespace {

TEST(FieldNumbersTest, AreThoseOfTheGeneratedMessages) {
  // Links their files in.
  ASSERT_NE(v1::Hello::descriptor(), nullptr);
  ASSERT_NE(otlp::v1::RpcStatus::descriptor(), nullptr);
  ASSERT_NE(otlp::v1::ExportTraceServiceRequest::descriptor(), nullptr);
  ASSERT_NE(v1::Counter::descriptor(), nullptr);
  for (const char* header : {"/field_numbers.h", "/otlp_field_numbers.h"}) {
    const testing::FieldNumbers numbers =
        testing::CompareFieldNumbers(std::string(SLUICE_RECORD_DIRECTORY) + header);
    EXPECT_THAT(numbers.wrong, ::testing::IsEmpty());
    EXPECT_GT(numbers.constants, 40) << header;
  }
}

}  // namespace
}  // namespace sluice
