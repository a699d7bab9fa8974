// The session alone, with calls that answer when the test says so.
#include "agent/net/http/http1_session.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TestCall final : public HttpCall {
 public:
  Taken OnBody(std::string_view bytes) override {
    EXPECT_TRUE(rest == nullptr || bytes.data() == rest);
    const size_t size = std::min(bytes.size(), most_at_once);
    body += bytes.substr(0, size);
    rest = size < bytes.size() && was_paused ? bytes.data() + size : nullptr;
    was_paused = size < bytes.size();
    return {.bytes = size, .pause = size < bytes.size()};
  }
  void OnRequestEnd() override { events += "end "; }
  void OnStreamClosed() override { events += "closed "; }
  BodyPart ReadBody(char* out, size_t capacity) override {
    const size_t size = std::min(capacity, answer.size());
    std::memcpy(out, answer.data(), size);
    answer.erase(0, size);
    return {size, answer.empty() && answer_is_whole};
  }
  const HeaderFields& trailers() const override { return none_; }
  void AtTurnEnd() override {}
  void OnWritten() override {}
  void Abandon() override {}

  size_t most_at_once = SIZE_MAX;
  const char* rest = nullptr;  // of what it was paused at before already
  bool was_paused = false;
  std::string path;
  std::string body;
  std::string events;
  std::string answer;
  bool answer_is_whole = true;

 private:
  const HeaderFields none_;
};

class Http1SessionTest : public ::testing::Test, public HttpSession::Owner {
 protected:
  HttpCall* OnRequest(int32_t stream_id, const RequestHead& head) override {
    EXPECT_EQ(stream_id, static_cast<int32_t>(calls_.size()) + 1);
    calls_.push_back(std::make_unique<TestCall>());
    calls_.back()->path = head.path;
    calls_.back()->most_at_once = most_at_once_;
    if (refuses_) session_.FinishAtOnce(stream_id, {.status = "404"}, {});
    return calls_.back().get();
  }
  void OnStreamRefused() override {}
  void OnGreeting() override {}

  const char* Receive(std::string_view bytes) { return session_.Receive(bytes, 1); }
  // Answers the newest request.
  void Answer(const std::string& text) {
    calls_.back()->answer = text;
    const std::string length = std::to_string(text.size());
    const ResponseHead::Field fields[] = {{"content-length", length}};
    session_.StartResponse(1, {.fields = fields}, calls_.back().get());
  }
  std::string Produce(size_t limit = 100'000) {
    std::string out;
    session_.Produce(&out, limit);
    return out;
  }
  static std::string Post(const std::string& path, const std::string& body,
                          const std::string& fields = "") {
    return "POST " + path + " HTTP/1.1\r\nhost: x\r\n" + fields +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  Http1Session session_{this, {}};
  std::vector<std::unique_ptr<TestCall>> calls_;
  size_t most_at_once_ = SIZE_MAX;
  bool refuses_ = false;
};

TEST_F(Http1SessionTest, AnswersAndGoesOn) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Receive(Post("/a", "body")), nullptr);
    EXPECT_EQ(calls_.back()->body, "body");
    EXPECT_EQ(calls_.back()->events, "end ");
    Answer("yes");
    EXPECT_EQ(Produce(), "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes");
    EXPECT_EQ(calls_.back()->events, "end closed ");
    EXPECT_EQ(session_.Over(), nullptr);
  }
  EXPECT_EQ(session_.kept_bytes(), 0u);
}

TEST_F(Http1SessionTest, LooksAtTheNextRequestOnceTheAnswerIsOut) {
  Receive(Post("/1", "a") + Post("/2", "b") + "POST /3");
  EXPECT_EQ(calls_.size(), 1u);
  EXPECT_TRUE(session_.is_full());
  EXPECT_FALSE(session_.is_paused());
  EXPECT_GT(session_.kept_bytes(), 0u);
  EXPECT_EQ(Produce(), "");
  Answer("one");
  EXPECT_THAT(Produce(), HasSubstr("one"));
  EXPECT_FALSE(session_.is_full());
  ASSERT_TRUE(session_.is_paused());
  EXPECT_EQ(session_.Resume(1), nullptr);
  ASSERT_EQ(calls_.size(), 2u);
  EXPECT_EQ(calls_[1]->path, "/2");
  EXPECT_EQ(calls_[1]->body, "b");
  Answer("two");
  EXPECT_THAT(Produce(), HasSubstr("two"));
  session_.Resume(1);
  EXPECT_FALSE(session_.is_paused());
  EXPECT_TRUE(session_.is_amid_request());
  Receive(" HTTP/1.1\r\nhost: x\r\n\r\n");
  ASSERT_EQ(calls_.size(), 3u);
  EXPECT_EQ(calls_[2]->path, "/3");
  EXPECT_FALSE(session_.is_amid_request());
}

TEST_F(Http1SessionTest, ACallThatPausesFindsTheRestWhereItWas) {
  most_at_once_ = 4;
  const std::string chunked =
      "POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
      "6\r\nabcdef\r\n9\r\nghijklmno\r\n0\r\n\r\n";
  EXPECT_EQ(Receive(chunked + Post("/next", "x")), nullptr);
  TestCall& call = *calls_[0];
  for (const char* so_far : {"abcd", "abcdefghij", "abcdefghijklmn"}) {
    ASSERT_TRUE(session_.is_paused());
    EXPECT_EQ(call.body, so_far);
    EXPECT_EQ(session_.Resume(1), nullptr);
  }
  EXPECT_EQ(call.body, "abcdefghijklmno");
  EXPECT_EQ(call.events, "end ");
  EXPECT_EQ(calls_.size(), 1u);
  Answer("ok");
  Produce();
  EXPECT_TRUE(session_.is_paused());
  session_.Resume(1);
  EXPECT_EQ(calls_.back()->path, "/next");
}

TEST_F(Http1SessionTest, TellsThePeerToGoOnBeforeTheAnswer) {
  Receive("POST /e HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  EXPECT_EQ(Produce(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(session_.is_amid_request());
  Receive("ok");
  EXPECT_EQ(calls_[0]->body, "ok");
  Answer("fine");
  EXPECT_THAT(Produce(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(session_.Over(), nullptr);
}

TEST_F(Http1SessionTest, EndsWhereAnExpectedBodyIsRefusedBeforeItCame) {
  refuses_ = true;
  Receive("POST /e HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  EXPECT_EQ(Produce(), "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  EXPECT_STREQ(session_.Over(), "peer");
  EXPECT_FALSE(session_.is_amid_request());
  Receive("okPOST / HTTP/1.1\r\n");
  EXPECT_EQ(calls_.size(), 1u);
  EXPECT_EQ(session_.kept_bytes(), 0u);
}

TEST_F(Http1SessionTest, PassesOverTheBodyOfWhatIsRefusedAtOnce) {
  refuses_ = true;
  const std::string wire = Post("/e", std::string(1000, 'b'));
  Receive(wire.substr(0, 500));
  EXPECT_EQ(Produce(), "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(calls_[0]->events, "");
  EXPECT_TRUE(session_.is_amid_request());
  Receive(wire.substr(500));
  EXPECT_EQ(Produce(), "");
  EXPECT_EQ(calls_[0]->events, "end closed ");
  refuses_ = false;
  Receive(Post("/f", ""));
  EXPECT_EQ(calls_[1]->events, "end ");
}

TEST_F(Http1SessionTest, EndsWhenThePeerOrTheServerSaysSo) {
  Receive(Post("/1", "", "connection: close\r\n"));
  Answer("bye");
  EXPECT_EQ(Produce(), "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbye");
  EXPECT_STREQ(session_.Over(), "peer");

  Http1Session other(this, {});
  calls_.clear();
  other.Receive(Post("/1", ""), 1);
  other.GoAway();
  other.FinishAtOnce(1, {}, {});
  std::string out;
  other.Produce(&out, 1000);
  EXPECT_THAT(out, HasSubstr("connection: close"));
  EXPECT_NE(other.Over(), nullptr);
}

TEST_F(Http1SessionTest, SendsAsMuchOfALargeAnswerAsFits) {
  Receive(Post("/1", ""));
  Answer(std::string(1000, 'l'));
  size_t size = Produce(300).size();
  EXPECT_EQ(size, 300u);
  EXPECT_EQ(calls_[0]->events, "end ");
  while (calls_[0]->events == "end ") size += Produce(300).size();
  EXPECT_EQ(size, std::string("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").size() + 1000);
}

TEST_F(Http1SessionTest, ABrokenRequestIsAnsweredOnceAndEndsIt) {
  EXPECT_STREQ(Receive("POST / HTTP/1.1\r\n\r\n"), "protocol_error");
  EXPECT_THAT(session_.ClosingBytes("protocol_error"), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(session_.ClosingBytes("protocol_error"), HasSubstr("one Host field\n"));
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(Http1SessionTest, NothingIsSaidAmidAnAnswer) {
  Receive(Post("/1", ""));
  calls_[0]->answer_is_whole = false;
  const ResponseHead::Field fields[] = {{"content-length", "5"}};
  session_.StartResponse(1, {.fields = fields}, calls_[0].get());
  Produce();
  EXPECT_EQ(session_.ClosingBytes("slow_request"), "");
}

TEST_F(Http1SessionTest, CountsFieldsAndChunksAsWork) {
  Receive(
      "POST / HTTP/1.1\r\nhost: x\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n1\r\n");
  EXPECT_EQ(session_.TakeWork(), 5u);
  EXPECT_EQ(session_.TakeWork(), 0u);
}

}  // namespace
}  // namespace sluice::net
