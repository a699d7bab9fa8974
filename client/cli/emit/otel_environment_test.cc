#include "client/cli/emit/otel_environment.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::cli {
namespace {

constexpr const char* kOurs = "http://127.0.0.1:4242";

bool Has(const std::vector<std::string>& environment, const std::string& entry) {
  return std::ranges::count(environment, entry) == 1;
}

TEST(OtelEnvironmentTest, LeadsEverySignalToTheEndpoint) {
  const auto led = WithOtlpEndpoint(
      {"PATH=/bin", "OTEL_EXPORTER_OTLP_ENDPOINT=https://elsewhere",
       "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://elsewhere",
       "OTEL_EXPORTER_OTLP_HEADERS=key=secret", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=/ca",
       "OTEL_EXPORTER_OTLP_CLIENT_KEY=/key", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/cert",
       "OTEL_EXPORTER_OTLP_METRICS_INSECURE=false", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"},
      kOurs, "");
  EXPECT_EQ(led, (std::vector<std::string>{"PATH=/bin", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
                                           "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4242",
                                           "OTEL_EXPORTER_OTLP_INSECURE=true",
                                           "OTEL_TRACES_EXPORTER=otlp", "OTEL_LOGS_EXPORTER=otlp",
                                           "OTEL_METRICS_EXPORTER=otlp"}));
}

TEST(OtelEnvironmentTest, KeepsWhatTheProgramHasBeenGivenToExportWith) {
  const auto led = WithOtlpEndpoint(
      {"OTEL_METRICS_EXPORTER=none", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"}, kOurs, "");
  EXPECT_TRUE(Has(led, "OTEL_METRICS_EXPORTER=none"));
  EXPECT_TRUE(Has(led, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"));
  EXPECT_FALSE(Has(led, "OTEL_METRICS_EXPORTER=otlp"));
}

TEST(OtelEnvironmentTest, AProtocolThatIsAskedForIsThatOfEverySignal) {
  const auto led =
      WithOtlpEndpoint({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"}, kOurs, "http/json");
  EXPECT_TRUE(Has(led, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json"));
  EXPECT_FALSE(Has(led, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"));
}

TEST(OtelEnvironmentTest, NoProxyStandsBetween) {
  auto led = WithOtlpEndpoint({"HTTP_PROXY=http://proxy", "NO_PROXY=intern"}, kOurs, "");
  EXPECT_TRUE(Has(led, "NO_PROXY=intern,127.0.0.1"));
  EXPECT_TRUE(Has(led, "no_proxy=127.0.0.1"));
  led = WithOtlpEndpoint({"grpc_proxy=http://proxy", "no_grpc_proxy="}, kOurs, "");
  EXPECT_TRUE(Has(led, "no_grpc_proxy=127.0.0.1"));
  led = WithOtlpEndpoint({"NO_PROXY=intern"}, kOurs, "");
  EXPECT_TRUE(Has(led, "NO_PROXY=intern"));
}

TEST(OtelEnvironmentTest, ASocketIsNamedWithThreeSlashes) {
  const auto variables = OtelSocketVariables("/run/sluice/sluice.sock");
  ASSERT_FALSE(variables.empty());
  EXPECT_EQ(variables[0].value, "unix:///run/sluice/sluice.sock");
}

}  // namespace
}  // namespace sluice::cli
