#include "agent/sinks/otlp/network_transport.h"

#include <gtest/gtest.h>

namespace sluice::otlp {
namespace {

Destination Of(const std::string& endpoint, const OtlpSettings& others = {}) {
  OtlpSettings settings = others;
  settings.endpoint = endpoint;
  const auto destination = DestinationOf(settings);
  EXPECT_TRUE(destination.ok()) << destination.status();
  return destination.value_or(Destination());
}

std::string Description(const std::string& endpoint) {
  return NetworkTransport(Of(endpoint)).Describe();
}

TEST(DestinationOf, ChoosesTheProtocolByPort) {
  EXPECT_EQ(Description("http://localhost:4317"), "http://localhost:4317 (grpc)");
  EXPECT_EQ(Description("unix:///run/c.sock"), "unix:///run/c.sock (grpc)");
  EXPECT_EQ(Description("http://localhost:4318"), "http://localhost:4318 (http/protobuf)");
  EXPECT_EQ(Description("https://collector"), "https://collector:443 (http/protobuf)");
  OtlpSettings json;
  json.protocol = Protocol::kHttpJson;
  EXPECT_EQ(NetworkTransport(Of("http://localhost:4317", json)).Describe(),
            "http://localhost:4317 (http/json)");
}

TEST(DestinationOf, CompressesForTlsUnlessToldOtherwise) {
  EXPECT_TRUE(Of("https://collector:4317").gzip);
  EXPECT_FALSE(Of("http://collector:4317").gzip);
  OtlpSettings settings;
  settings.compression = Compression::kNone;
  EXPECT_FALSE(Of("https://collector:4317", settings).gzip);
  settings.compression = Compression::kGzip;
  EXPECT_TRUE(Of("unix:///run/c.sock", settings).gzip);
}

TEST(DestinationOf, AppendsTheSignalsPathToTheBase) {
  EXPECT_EQ(Of("https://collector/base/").paths[1], "/base/v1/logs");
  EXPECT_EQ(Of("https://collector").paths[0], "/v1/traces");
}

TEST(DestinationOf, NamesWhatIsNoEndpoint) {
  OtlpSettings settings;
  settings.endpoint = "https://user@collector";
  EXPECT_EQ(DestinationOf(settings).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::otlp
