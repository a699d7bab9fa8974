#include "client/cli/emit/carrier.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

constexpr char kCarriedTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(CarrierTest, HoldsWhatWasWritten) {
  const TraceContext context = *ParseTraceContext(kCarriedTraceparent);
  EXPECT_EQ(FormatCarrier(context, false),
            "# trace id: 4bf92f3577b34da6a3ce929d0e0e4736\n#  span id: 00f067aa0ba902b7\n"
            "TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n");
  for (const bool exports : {false, true}) {
    const auto read = ParseCarrier(FormatCarrier(context, exports));
    ASSERT_TRUE(read);
    EXPECT_EQ(FormatTraceparent(*read), kCarriedTraceparent);
  }
}

TEST(CarrierTest, WhatHoldsNoContextIsNone) {
  const std::string line = std::string("TRACEPARENT=") + kCarriedTraceparent;
  EXPECT_TRUE(ParseCarrier(line)) << "the last line need not end";
  for (const std::string& text : {std::string(), std::string("TRACEPARENT="), "# " + line,
                                  line.substr(0, line.size() - 1), line + "x"}) {
    EXPECT_FALSE(ParseCarrier(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::cli
