#include "agent/sinks/otlp/net/endpoint.h"

#include <gtest/gtest.h>

namespace sluice::otlp {
namespace {

TEST(ParseEndpoint, TakesWhatOpenTelemetryTakes) {
  const std::vector<std::pair<const char*, const char*>> urls = {
      {"http://localhost:4317", "http://localhost:4317"},
      {"HTTPS://Collector.Example/", "https://collector.example:443"},
      {"http://collector/base/", "http://collector:80/base"},
      {"https://[2001:db8::1]:4317/x", "https://[2001:db8::1]:4317/x"},
      {"collector:4317", "https://collector:4317"},
      {"unix:///run/c.sock", "unix:///run/c.sock"},
      {"unix:/run/c.sock", "unix:///run/c.sock"},
  };
  for (const auto& [text, url] : urls) {
    const auto endpoint = ParseEndpoint(text, false);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(endpoint->url(), url);
  }
  EXPECT_EQ(ParseEndpoint("collector:4317", true)->url(), "http://collector:4317");
  EXPECT_EQ(ParseEndpoint("unix:///run/c.sock", false)->authority(), "localhost");
}

TEST(ParseEndpoint, SaysWhatIsWrong) {
  for (const char* const text :
       {"", "http://", "http://:4317", "ftp://host", "http://host:0", "http://host:65536",
        "http://host:x", "http://[::1", "http://[::1]x", "unix:relative", "unix://relative",
        "http://user:secret@host", "http://host?x", "http://host#x", "http://a b", "http://a\n"}) {
    EXPECT_EQ(ParseEndpoint(text, false).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(IsThisHost, KnowsNamesAndAddresses) {
  for (const char* const text :
       {"http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1", "unix:///run/c.sock"}) {
    EXPECT_TRUE(IsThisHost(*ParseEndpoint(text, false))) << text;
  }
  for (const char* const text : {"http://127.example:1", "http://host:1", "http://10.0.0.1:1"}) {
    EXPECT_FALSE(IsThisHost(*ParseEndpoint(text, false))) << text;
  }
}

}  // namespace
}  // namespace sluice::otlp
