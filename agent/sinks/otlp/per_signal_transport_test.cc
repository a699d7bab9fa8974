#include "agent/sinks/otlp/per_signal_transport.h"

#include <vector>

#include "agent/sinks/otlp/network_transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/otlp/scripted_transport.h"

namespace sluice::otlp {
namespace {

using ::testing::ElementsAre;

class PerSignalTransportTest : public ::testing::Test {
 protected:
  // Makes transports that stay known here by their order.
  std::unique_ptr<Transport> Make() {
    auto transport = MakePerSignal(settings_, [this](const OtlpSettings& settings) {
      endpoints_.push_back(settings.endpoint);
      auto made = std::make_unique<ScriptedTransport>();
      made_.push_back(made.get());
      return absl::StatusOr<std::unique_ptr<Transport>>(std::move(made));
    });
    EXPECT_TRUE(transport.ok());
    return *std::move(transport);
  }

  OtlpSettings settings_;
  std::vector<std::string> endpoints_;
  std::vector<ScriptedTransport*> made_;
};

TEST_F(PerSignalTransportTest, OneEndpointIsOneTransport) {
  settings_.endpoint = "http://all:4317";
  const auto transport = Make();
  EXPECT_THAT(endpoints_, ElementsAre("http://all:4317"));
  EXPECT_EQ(transport.get(), made_[0]);
}

TEST_F(PerSignalTransportTest, ASignalWithAnEndpointOfItsOwnGoesThere) {
  settings_.endpoint = "http://all:4317";
  settings_.logs_endpoint = "http://logs/here";
  const auto transport = Make();
  EXPECT_THAT(endpoints_, ElementsAre("http://all:4317", "http://logs/here"));
  for (const Signal signal : kSignals) EXPECT_EQ(transport->Send(signal, {}).message, "");
  ASSERT_EQ(made_[0]->calls.size(), 2u);
  EXPECT_EQ(made_[0]->calls[1].signal, Signal::kMetrics);
  ASSERT_EQ(made_[1]->calls.size(), 1u);
  EXPECT_EQ(made_[1]->calls[0].signal, Signal::kLogs);
}

TEST_F(PerSignalTransportTest, ASignalWithoutAnEndpointIsNotTaken) {
  settings_.traces_endpoint = "http://traces/v1/traces";
  const auto transport = Make();
  EXPECT_EQ(made_.size(), 1u);
  EXPECT_EQ(transport->Send(Signal::kLogs, {}).kind, Answer::Kind::kUnsupported);
}

TEST(DestinationOf, AnEndpointOfOneSignalIsWhole) {
  OtlpSettings settings;
  settings.traces_endpoint = settings.endpoint = "https://collector/ingest";
  EXPECT_EQ(DestinationOf(settings)->paths[0], "/ingest");
  settings.traces_endpoint = settings.endpoint = "https://collector";
  EXPECT_EQ(DestinationOf(settings)->paths[0], "/");
}

}  // namespace
}  // namespace sluice::otlp
