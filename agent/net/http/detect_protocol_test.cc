#include "agent/net/http/detect_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::net {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

TEST(DetectProtocolTest, Http2ByItsPreface) {
  EXPECT_EQ(DetectProtocol(kPreface), Protocol::kHttp2);
  EXPECT_EQ(DetectProtocol("PRI"), Protocol::kHttp2);
  EXPECT_EQ(DetectProtocol(std::string(kPreface) + "more"), Protocol::kHttp2);
}

TEST(DetectProtocolTest, Http1ByAMethod) {
  for (const char* start : {"GET / HTTP/1.1\r\n", "POST /v1/traces", "PUT", "PATCH", "PROPFIND",
                            "OPTIONS *", "G", "PO", "PRO", "PA"}) {
    EXPECT_EQ(DetectProtocol(start), Protocol::kHttp1) << start;
  }
}

TEST(DetectProtocolTest, TlsByItsHandshake) {
  EXPECT_EQ(DetectProtocol("\x16\x03\x01\x02"), Protocol::kTls);
  EXPECT_EQ(DetectProtocol("\x16\x03"), Protocol::kTls);
  EXPECT_EQ(DetectProtocol("\x16\x02"), Protocol::kUnknown);
}

TEST(DetectProtocolTest, NothingElseIsTaken) {
  EXPECT_EQ(DetectProtocol(std::string_view("\0", 1)), Protocol::kUnknown);
  EXPECT_EQ(DetectProtocol("get / HTTP/1.1"), Protocol::kUnknown);
  EXPECT_EQ(DetectProtocol("{\"a\":1}"), Protocol::kUnknown);
}

TEST(DetectProtocolTest, WaitsForAsFewBytesAsDecide) {
  for (const char* start : {"", "P", "PR", "\x16"}) {
    EXPECT_EQ(DetectProtocol(start), Protocol::kUndecided) << start;
  }
}

// Whatever comes first, so many bytes decide, and more bytes change nothing.
TEST(DetectProtocolTest, DecidesOnceAndForAll) {
  for (int first = 0; first < 256; ++first) {
    for (const char* rest : {"RI", "OST", "\x03\x01", "xyz"}) {
      const std::string bytes = static_cast<char>(first) + std::string(rest);
      Protocol decided = Protocol::kUndecided;
      for (size_t size = 1; size <= bytes.size(); ++size) {
        const Protocol now = DetectProtocol(std::string_view(bytes).substr(0, size));
        if (decided != Protocol::kUndecided) {
          EXPECT_EQ(now, decided) << bytes;
        }
        if (size >= kDecidingBytes) {
          EXPECT_NE(now, Protocol::kUndecided) << bytes;
        }
        decided = now;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::net
