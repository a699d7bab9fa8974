#include "agent/net/grpc/text.h"

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/rpc_status.pb.h"

namespace sluice::net {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(IsGrpcContentTypeTest, TakesGrpcWithAnyMessageFormat) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;x=y"}) {
    EXPECT_TRUE(IsGrpcContentType(type)) << type;
  }
  for (const char* type : {"", "application/grp", "application/grpc-web", "application/json"}) {
    EXPECT_FALSE(IsGrpcContentType(type)) << type;
  }
}

TEST(ParseGrpcTimeoutTest, KnowsEveryUnit) {
  EXPECT_EQ(ParseGrpcTimeout("2H"), 7'200'000'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("2M"), 120'000'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("2S"), 2'000'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("2m"), 2'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("2u"), 2'000u);
  EXPECT_EQ(ParseGrpcTimeout("2n"), 2u);
  EXPECT_EQ(ParseGrpcTimeout("0n"), 0u);
}

TEST(ParseGrpcTimeoutTest, TakesEightDigitsAndNotNine) {
  EXPECT_EQ(ParseGrpcTimeout("9999999m"), 9'999'999'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("99999999S"), 99'999'999'000'000'000u);
  EXPECT_FALSE(ParseGrpcTimeout("100000000n"));
}

TEST(ParseGrpcTimeoutTest, CutsToAHundredYears) {
  EXPECT_EQ(ParseGrpcTimeout("876000H"), 3'153'600'000'000'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("876001H"), 3'153'600'000'000'000'000u);
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), 3'153'600'000'000'000'000u);
}

TEST(ParseGrpcTimeoutTest, RefusesWhatIsNoTimeout) {
  for (const char* text : {"", "S", "1", "1s", "-1S", "+1S", " 1S", "1 S", "1.5S", "1SS"}) {
    EXPECT_FALSE(ParseGrpcTimeout(text)) << text;
  }
}

TEST(PercentEncodeTest, LeavesPrintableAsciiButThePercentSign) {
  EXPECT_EQ(PercentEncode("a b~!"), "a b~!");
  EXPECT_EQ(PercentEncode("100%\n\x7f"), "100%25%0A%7F");
  EXPECT_EQ(PercentEncode("\xc3\xa9"), "%C3%A9");
}

TEST(FormatTrailersTest, SaysNoMoreThanIsNeeded) {
  EXPECT_THAT(FormatTrailers(absl::OkStatus(), {}), ElementsAre(Pair("grpc-status", "0")));
  EXPECT_THAT(FormatTrailers(absl::UnavailableError("full"), 250),
              ElementsAre(Pair("grpc-status", "14"), Pair("grpc-message", "full"),
                          Pair("grpc-retry-pushback-ms", "250"),
                          Pair("grpc-status-details-bin", ::testing::_),
                          Pair("google.rpc.retryinfo-bin", ::testing::_)));
}

std::string FromBinary(const std::string& text) {
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(text, &bytes));
  EXPECT_EQ(text.find('='), text.npos);
  return bytes;
}

TEST(FormatTrailersTest, TellsARetryTimeAsGooglesClientsReadIt) {
  const HeaderFields fields = FormatTrailers(absl::UnavailableError("full"), 1250);
  otlp::v1::RpcStatus status;
  ASSERT_TRUE(status.ParseFromString(FromBinary(fields[3].second)));
  EXPECT_EQ(status.code(), 14);
  EXPECT_EQ(status.message(), "full");
  ASSERT_EQ(status.details_size(), 1);
  EXPECT_EQ(status.details(0).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
  EXPECT_EQ(status.details(0).value(), FromBinary(fields[4].second));
  otlp::v1::RetryInfo info;
  ASSERT_TRUE(info.ParseFromString(status.details(0).value()));
  EXPECT_EQ(info.retry_delay().seconds(), 1);
  EXPECT_EQ(info.retry_delay().nanos(), 250'000'000);
}

TEST(FormatTrailersTest, CutsALongMessage) {
  EXPECT_EQ(FormatTrailers(absl::InternalError(std::string(5000, 'x')), {})[1].second.size(),
            1024u);
}

}  // namespace
}  // namespace sluice::net
