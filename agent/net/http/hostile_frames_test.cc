// What a hostile peer may send, frame by frame, and that another peer does not notice.
#include <nghttp2/nghttp2.h>

#include <random>
#include <string>

#include "tests/support/net/hostile_fixture.h"

namespace sluice::net {
namespace {

using ::sluice::testing::ConnectUnix;
using ::sluice::testing::Field;
using ::sluice::testing::Frame;
using ::sluice::testing::H2Client;
using ::sluice::testing::kPreface;
using ::sluice::testing::RequestBlock;

using HostileFramesTest = HostileServerTest;

constexpr uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;
constexpr uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;

std::string Opening() { return std::string(kPreface) + Frame(NGHTTP2_SETTINGS, 0, 0, ""); }

std::string Request(int32_t stream, uint8_t flags = kEndHeaders) {
  return Frame(NGHTTP2_HEADERS, flags, stream, RequestBlock(kEcho));
}

std::string Repeat(const std::string& frame, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += frame;
  return all;
}

struct Flood {
  const char* reason;
  std::string frame;  // sent 5,000 times after an open request on stream 1
};

void PrintTo(const Flood& flood, std::ostream* out) { *out << flood.reason; }

class FloodTest : public HostileFramesTest, public ::testing::WithParamInterface<Flood> {};

TEST_P(FloodTest, EndsTheConnectionByItsNameAndTellsThePeer) {
  RawPeer peer(Path());
  ASSERT_TRUE(peer.Send(Opening() + Request(1)));
  peer.Send(Repeat(GetParam().frame, 5'000));
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed(GetParam().reason), 1u);
  EXPECT_THAT(peer.received(), ::testing::HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Frames, FloodTest,
    ::testing::Values(Flood{"flood_ping", Frame(NGHTTP2_PING, 0, 0, "12345678")},
                      Flood{"flood_ping", Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678")},
                      Flood{"flood_settings", Frame(NGHTTP2_SETTINGS, 0, 0, "")},
                      Flood{"flood_window_update",
                            Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\1", 4))},
                      Flood{"flood_priority",
                            Frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\1", 5))},
                      Flood{"flood_unknown", Frame(0xbb, 0, 0, "")},
                      Flood{"flood_unknown", Frame(0xbb, 0, 1, "payload")},
                      Flood{"flood_empty_data", Frame(NGHTTP2_DATA, 0, 1, "")},
                      Flood{"flood_empty_data",
                            Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\2\0\0", 3))}),
    [](const auto& info) { return std::to_string(info.index) + info.param.reason; });

TEST_F(HostileFramesTest, EndsAContinuationFlood) {
  RawPeer peer(Path());
  peer.Send(Opening() + Request(1, 0));
  peer.Send(Repeat(Frame(NGHTTP2_CONTINUATION, 0, 1, Field("x", "y")), 5'000));
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("flood_continuation"), 1u);
}

TEST_F(HostileFramesTest, EndsAnEmptyContinuationFlood) {
  RawPeer peer(Path());
  peer.Send(Opening() + Request(1, 0));
  peer.Send(Repeat(Frame(NGHTTP2_CONTINUATION, 0, 1, ""), 5'000));
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("flood_continuation"), 1u);
}

TEST_F(HostileFramesTest, EndsARapidReset) {
  RawPeer peer(Path());
  std::string wire = Opening();
  for (int32_t stream = 1; stream < 10'000; stream += 2) {
    wire += Request(stream) + Frame(NGHTTP2_RST_STREAM, 0, stream, std::string("\0\0\0\x8", 4));
  }
  peer.Send(wire);
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("flood_reset"), 1u);
}

TEST_F(HostileFramesTest, EndsAFloodOfStreamsBeyondTheSixteen) {
  RawPeer peer(Path());
  std::string wire = Opening();
  for (int32_t stream = 1; stream < 10'000; stream += 2) wire += Request(stream);
  peer.Send(wire);
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("flood_reset"), 1u);
  EXPECT_GE(counters_.Total("net.refused", "stream"), 500u);
}

// Each breaks a rule of its stream, so that the server is the one to reset it.
TEST_F(HostileFramesTest, EndsAFloodOfStreamsThatItIsMadeToReset) {
  RawPeer peer(Path());
  std::string wire = Opening();
  for (int32_t stream = 1; stream < 10'000; stream += 2) {
    wire += Request(stream) +
            Frame(NGHTTP2_WINDOW_UPDATE, 0, stream, std::string("\x7f\xff\xff\xff", 4));
  }
  peer.Send(wire);
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("flood_reset"), 1u);
}

TEST_F(HostileFramesTest, RefusesAHeaderListThatIsTooLargeAndGoesOn) {
  H2Client client(ConnectUnix(Path()));
  const int32_t small = client.Open(kEcho, {{"x-pad", std::string(15'000, 'x')}});
  const int32_t large = client.Open(kEcho, {{"x-pad", std::string(16'384, 'x')}});
  client.Send(small, "x");
  client.HalfClose(small);
  ASSERT_TRUE(
      client.PumpUntil([&] { return client.call(small).ended && client.call(large).ended; }));
  EXPECT_EQ(client.call(small).status(), "0");
  EXPECT_EQ(client.call(large).status(), "8");
  EXPECT_EQ(counters_.Total("net.refused", "headers_too_large"), 1u);
}

// A header block that names one entry of the dynamic table, of nearly 4,000 bytes, again and again.
std::string HeaderBomb(size_t references) {
  const std::string value(3'900, 'b');
  std::string block = RequestBlock(kEcho) + std::string("\x40\x01x\x7f", 4);
  block += static_cast<char>(0x80 | ((value.size() - 127) & 0x7f));
  block += static_cast<char>((value.size() - 127) >> 7);
  return block + value + std::string(references, '\xbe');
}

TEST_F(HostileFramesTest, RefusesASmallHeaderBomb) {
  RawPeer peer(Path());
  ASSERT_TRUE(peer.Send(Opening() + Frame(NGHTTP2_HEADERS, kEndHeaders, 1, HeaderBomb(14))));
  EXPECT_TRUE(
      victim_->PumpUntil([&] { return counters_.Total("net.refused", "headers_too_large") == 1; }));
}

TEST_F(HostileFramesTest, EndsTheConnectionOfALargeHeaderBomb) {
  RawPeer peer(Path());
  peer.Send(Opening() + Frame(NGHTTP2_HEADERS, kEndHeaders, 1, HeaderBomb(10'000)));
  ASSERT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("flood_headers"), 1u);
}

TEST_F(HostileFramesTest, EndsAConnectionThatDoesNotSpeakHttp) {
  std::mt19937 random(1);
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100, '\0'), std::string("\n"), [&] {
          std::string noise(5'000, '\0');
          for (char& c : noise) c = static_cast<char>(random());
          return noise;
        }()}) {
    RawPeer peer(Path());
    peer.Send(bytes);
    EXPECT_TRUE(peer.AwaitClose());
  }
  EXPECT_EQ(Closed("not_http"), 3u);
  EXPECT_EQ(Closed("protocol_error"), 1u);
}

TEST_F(HostileFramesTest, SurvivesNoiseAfterAValidOpening) {
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    RawPeer peer(Path());
    std::string noise(2'000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    noise[0] = 0;  // else all but the first frame's length ends it
    peer.Send(Opening() + Request(1) + noise);
    peer.HangUp();
  }
  ExpectVictimServed();
}

TEST_F(HostileFramesTest, SurvivesARequestCutAnywhere) {
  const std::string wire =
      Opening() + Request(1) + Frame(NGHTTP2_DATA, kEndStream, 1, testing::GrpcMessage("hello"));
  for (size_t size = 0; size <= wire.size(); ++size) {
    RawPeer peer(Path());
    EXPECT_TRUE(peer.Send(wire.substr(0, size)));
    peer.HangUp();
  }
  ExpectVictimServed();
}

TEST_F(HostileFramesTest, EndsAConnectionWhoseFrameIsTooLong) {
  RawPeer peer(Path());
  peer.Send(Opening() + Frame(NGHTTP2_DATA, 0, 1, std::string(256 * 1024 + 1, 'x')));
  EXPECT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("protocol_error"), 1u);
}

TEST_F(HostileFramesTest, EndsAConnectionThatOverrunsItsWindow) {
  RawPeer peer(Path());
  peer.Send(Opening() + Request(1));
  const std::string frame = Frame(NGHTTP2_DATA, 0, 1, std::string(200'000, '\x01'));
  for (int i = 0; i < 100 && peer.Send(frame); ++i) {
  }
  // The call was refused at its first byte; what follows is read and dropped, or ends it.
  ExpectVictimServed();
}

}  // namespace
}  // namespace sluice::net
