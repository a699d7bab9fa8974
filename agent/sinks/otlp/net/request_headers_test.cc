#include "agent/sinks/otlp/net/request_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::otlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(RequestHeaders, ReadsOpenTelemetrysSpelling) {
  RequestHeaders headers;
  ASSERT_TRUE(headers.SetConfigured({"Api-Key=a%20b%3D", " x = y=z ", "empty=", "x=last"}).ok());
  EXPECT_THAT(headers.list(),
              ElementsAre(Pair("api-key", "a b="), Pair("empty", ""), Pair("x", "last")));
}

TEST(RequestHeaders, RefusesWhatNoRequestCanCarry) {
  for (const char* const text :
       {"none", "=value", "a b=c", "a\nb=c", "a=b%0d%0ac", "a=\xc3\xbc", "content-length=5",
        "Host=x", "grpc-timeout=1S", ":path=/", "te=trailers", "a=b%00"}) {
    RequestHeaders headers;
    EXPECT_EQ(headers.SetConfigured({text}).code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(RequestHeaders, ShowsNoValueInAnError) {
  RequestHeaders headers;
  EXPECT_THAT(headers.SetConfigured({"authorization=secret%0a"}).message(),
              ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(headers.SetConfigured({"secret"}).message(), ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace sluice::otlp
