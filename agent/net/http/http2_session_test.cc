// A body that is read to where it belongs, without a socket: how its bytes get there is HTTP/2's
// concern, whatever the call is.
#include "agent/net/http/http2_session.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/h2_client.h"

namespace sluice::net {
namespace {

using ::sluice::testing::Frame;
using ::sluice::testing::RequestBlock;

constexpr uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;
constexpr uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;

// Takes bodies of a length that is known, and pauses where it is told to.
class FakeCall final : public HttpCall {
 public:
  FakeCall(size_t length, size_t room) : body_(length, '-'), room_(room) {}

  std::string body() const { return body_.substr(0, size_); }
  size_t in_place() const { return in_place_; }
  bool ended() const { return ended_; }
  bool closed() const { return closed_; }
  void PauseEvery(int chunks) { pauses_every_ = chunks; }

  Taken OnBody(std::string_view bytes) override {
    const bool pauses = pauses_every_ > 0 && ++chunks_ % pauses_every_ == 0;
    // Half of it is left, where that is possible.
    if (pauses) bytes = bytes.substr(0, bytes.size() / 2);
    EXPECT_LE(size_ + bytes.size(), body_.size());
    if (bytes.data() == body_.data() + size_) {
      in_place_ += bytes.size();
    } else {
      std::memmove(body_.data() + size_, bytes.data(), bytes.size());
    }
    size_ += bytes.size();
    return {.bytes = bytes.size(), .pause = pauses};
  }
  BodyRoom RoomForBody(size_t) override {
    const size_t missing = body_.size() - size_;
    return {std::span(body_).subspan(size_, std::min(missing, room_)), missing};
  }
  void OnRequestEnd() override { ended_ = true; }
  void OnStreamClosed() override { closed_ = true; }
  BodyPart ReadBody(char*, size_t) override { return {0, true}; }
  const HeaderFields& trailers() const override { return trailers_; }
  void AtTurnEnd() override {}
  void OnWritten() override {}
  void Abandon() override {}

 private:
  std::string body_;
  const size_t room_;
  size_t size_ = 0;
  size_t in_place_ = 0;
  int chunks_ = 0;
  int pauses_every_ = 0;
  bool ended_ = false;
  bool closed_ = false;
  const HeaderFields trailers_;
};

class Http2SessionTest : public ::testing::Test, private HttpSession::Owner {
 protected:
  Http2SessionTest() { Begin(); }

  // A new session; the calls of the last one are forgotten.
  void Begin() {
    session_ = Http2Session::Create(this, {});
    calls_.clear();
    Read(std::string(testing::kPreface) + Frame(NGHTTP2_SETTINGS, 0, 0, ""), 1000);
    // Once its settings are acknowledged, frames may be large.
    std::string out;
    EXPECT_EQ(session_->Produce(&out, 1000), nullptr);
    Read(Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, ""), 1000);
  }
  // As a connection does, so many bytes at once.
  void Read(std::string_view wire, size_t piece) {
    while (!wire.empty()) {
      InputPlan plan = session_->PlanInput(buffer_.data(), std::min(piece, wire.size()));
      std::string_view part = wire.substr(0, plan.size());
      wire.remove_prefix(part.size());
      const size_t came = part.size();
      for (const iovec& place : plan.places()) {
        const size_t size = std::min(part.size(), place.iov_len);
        std::memcpy(place.iov_base, part.data(), size);
        part.remove_prefix(size);
      }
      for (const std::string_view bytes : plan.Arrange(came)) {
        EXPECT_EQ(session_->Receive(bytes, 1), nullptr);
      }
      // Nothing of what was read is needed any more.
      buffer_.assign(buffer_.size(), '?');
      while (session_->is_paused()) EXPECT_EQ(session_->Resume(1), nullptr);
    }
  }
  static std::string Request(int32_t stream) {
    return Frame(NGHTTP2_HEADERS, kEndHeaders, stream, RequestBlock("/x"));
  }
  FakeCall& call(size_t i) { return *calls_[i]; }

  std::unique_ptr<Http2Session> session_;
  std::vector<std::unique_ptr<FakeCall>> calls_;
  std::string buffer_ = std::string(100'000, '?');
  size_t body_bytes_ = 100;
  size_t room_ = 1000;
  int pauses_every_ = 0;

 private:
  HttpCall* OnRequest(int32_t, const RequestHead&) override {
    calls_.push_back(std::make_unique<FakeCall>(body_bytes_, room_));
    calls_.back()->PauseEvery(pauses_every_);
    return calls_.back().get();
  }
  void OnStreamRefused() override {}
  void OnGreeting() override {}
};

// All that differs.
std::string Text(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

std::string InFrames(int32_t stream, std::string_view body, size_t length) {
  std::string wire;
  for (; body.size() > length; body.remove_prefix(length)) {
    wire += Frame(NGHTTP2_DATA, 0, stream, body.substr(0, length));
  }
  return wire + Frame(NGHTTP2_DATA, kEndStream, stream, body);
}

TEST_F(Http2SessionTest, ReadsABodyToItsPlace) {
  const std::string text = Text(body_bytes_ = 90'000);
  room_ = text.size();
  for (const size_t length : {1024u, 16'384u, 80'000u}) {
    Begin();
    Read(Request(1), 1000);
    const std::string wire = InFrames(1, text, length);
    Read(wire.substr(0, 20), 1000);
    Read(wire.substr(20), 30'000);
    EXPECT_TRUE(call(0).body() == text);
    EXPECT_TRUE(call(0).ended());
    // But for what is behind sixteen frames of a read, or where a read ends between two frames.
    EXPECT_GT(call(0).in_place(), length == 1024 ? 45'000u : 89'900u) << length;
  }
}

TEST_F(Http2SessionTest, TakesTheSameBodyHoweverItsFramesAreCut) {
  const std::string text = Text(body_bytes_ = 150);
  const std::string padded = std::string(1, '\7') + text.substr(60, 40) + std::string(7, '\0');
  const std::string ping = Frame(NGHTTP2_PING, 0, 0, "12345678");
  const std::string wires[] = {
      InFrames(1, text, 50),
      InFrames(1, text, 149),
      InFrames(1, text, 40),
      Frame(NGHTTP2_DATA, 0, 1, text.substr(0, 60)) + ping + InFrames(1, text.substr(60), 60),
      Frame(NGHTTP2_DATA, 0, 1, text.substr(0, 60)) +
          Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, padded) + InFrames(1, text.substr(100), 20),
      Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1,
            std::string(1, '\3') + text.substr(0, 36) + std::string(3, '\0')) +
          InFrames(1, text.substr(36), 40),
  };
  for (const std::string& wire : wires) {
    for (const int pauses_every : {0, 2, 3}) {
      pauses_every_ = pauses_every;
      for (const size_t room : {1u, 13u, 1000u}) {
        room_ = room;
        for (size_t piece = 1; piece <= wire.size(); ++piece) {
          Begin();
          Read(Request(1), 1000);
          Read(wire, piece);
          ASSERT_EQ(call(0).body(), text) << piece << " " << pauses_every << " " << room;
          ASSERT_TRUE(call(0).ended());
        }
      }
    }
  }
}

// One read after the first part: what was expected, and what came instead.
TEST_F(Http2SessionTest, KeepsTheBodiesOfTwoRequestsApart) {
  const std::string text = Text(body_bytes_ = 120);
  for (size_t first = 1; first < 40; ++first) {
    Begin();
    Read(Request(1) + Request(3), 1000);
    const std::string wire = Frame(NGHTTP2_DATA, 0, 1, text.substr(0, 40)) +
                             Frame(NGHTTP2_DATA, 0, 3, text.substr(0, 40)) +
                             Frame(NGHTTP2_DATA, 0, 1, text.substr(40, 40)) +
                             InFrames(3, text.substr(40), 40) + InFrames(1, text.substr(80), 40);
    Read(wire.substr(0, 9 + first), 1000);
    Read(wire.substr(9 + first), 1000);
    EXPECT_EQ(call(0).body(), text);
    EXPECT_EQ(call(1).body(), text);
    EXPECT_TRUE(call(0).ended() && call(1).ended());
  }
}

TEST_F(Http2SessionTest, EndsAStreamThatIsResetAmidItsBody) {
  const std::string text = Text(body_bytes_ = 120);
  for (size_t first = 1; first < 40; ++first) {
    Begin();
    Read(Request(1), 1000);
    const std::string wire = Frame(NGHTTP2_DATA, 0, 1, text.substr(0, 40)) +
                             Frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\10", 4)) +
                             Request(3) + InFrames(3, text, 40);
    Read(wire.substr(0, 9 + first), 1000);
    Read(wire.substr(9 + first), 1000);
    EXPECT_TRUE(call(0).closed());
    EXPECT_EQ(call(0).body(), text.substr(0, 40));
    EXPECT_EQ(call(1).body(), text);
  }
}

// What nghttp2 does not give to the call: data behind the end of the stream.
TEST_F(Http2SessionTest, PutsNothingInPlaceForDataThatIsPassedOver) {
  const std::string text = Text(body_bytes_ = 200);
  Read(Request(1) + InFrames(1, text.substr(0, 50), 50), 1000);
  const std::string late = Frame(NGHTTP2_DATA, 0, 1, std::string(100, 'l'));
  Read(late.substr(0, 50), 1000);
  EXPECT_TRUE(session_->is_before_body());
  Read(late.substr(50), 1000);
  EXPECT_EQ(call(0).body(), text.substr(0, 50));
}

}  // namespace
}  // namespace sluice::net
