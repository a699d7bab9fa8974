#include "agent/net/grpc/request.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "sluice/v1/pool.pb.h"

namespace sluice::net {
namespace {

using google::protobuf::LogLevel;

// Fails the test that makes libprotobuf complain.
void Complain(LogLevel, const char*, int, const std::string& message) { ADD_FAILURE() << message; }

class RequestTest : public ::testing::Test {
 public:
  RequestTest() : before_(google::protobuf::SetLogHandler(Complain)) {}
  ~RequestTest() override { google::protobuf::SetLogHandler(before_); }

 private:
  google::protobuf::LogHandler* const before_;
};

std::string WhyRefused(std::string_view encoded) {
  const auto request = ParseRequest<v1::ReportRequest>(encoded);
  EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(request.status().message());
}

TEST_F(RequestTest, IsReadAsItWasWritten) {
  v1::ReportRequest request;
  request.set_failure(true);
  request.set_reason("Platte \xc3\xa4");
  request.add_supporting_data()->set_key("lun");
  const auto parsed = ParseRequest<v1::ReportRequest>(request.SerializeAsString());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->SerializeAsString(), request.SerializeAsString());
}

TEST_F(RequestTest, NamesTheTextThatIsNotUtf8) {
  EXPECT_EQ(WhyRefused("\x12\x01\xff"), "sluice.v1.ReportRequest.reason is not UTF-8");
  // supporting_data { value: "\xff" }
  const int number = v1::ReportRequest::kSupportingDataFieldNumber;
  const std::string inner = "\x12\x01\xff";
  EXPECT_EQ(WhyRefused(std::string{static_cast<char>(number << 3 | 2), 3} + inner),
            "sluice.v1.ReportField.value is not UTF-8");
}

TEST_F(RequestTest, FieldsOfOtherTypesAndNumbersAreLeftAlone) {
  EXPECT_TRUE(ParseRequest<v1::ReportRequest>("\x10\x01").ok());          // reason as a number
  EXPECT_TRUE(ParseRequest<v1::ReportRequest>("\xfa\x7f\x01\xff").ok());  // unknown
  EXPECT_TRUE(ParseRequest<v1::PoolRecord>("\x0a\x01\xff").ok());         // bytes
}

TEST_F(RequestTest, WhatIsMalformedIsNotLookedIntoFurther) {
  const std::string_view not_encoded = "not an encoded sluice.v1.ReportRequest";
  EXPECT_EQ(WhyRefused("\x12"), not_encoded);
  EXPECT_EQ(WhyRefused("\x12\x05\xff"), not_encoded);
  EXPECT_EQ(WhyRefused("\x0f\x12\x01\xff"), not_encoded);
}

}  // namespace
}  // namespace sluice::net
