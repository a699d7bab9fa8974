#include "client/rpc/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/fake_agent.h"

namespace sluice::rpc {
namespace {

using sluice::testing::FakeAgent;
using std::chrono::milliseconds;
using std::chrono::seconds;

Deadline In(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

Status Call(FakeAgent* agent, std::string_view request, std::string* response,
            Deadline deadline = In(seconds(10))) {
  std::unique_ptr<Channel> channel;
  const Status status = Channel::Open(agent->socket_path(), deadline, &channel);
  return status.ok() ? channel->Unary("/Echo", request, deadline, response) : status;
}

TEST(ChannelTest, AnswersOneRequestWithOneMessage) {
  FakeAgent agent;
  std::string response;
  EXPECT_TRUE(Call(&agent, "ping", &response).ok());
  EXPECT_EQ(response, "ping");
  EXPECT_EQ(agent.headers()["content-type"], "application/grpc");
  EXPECT_EQ(agent.headers()["te"], "trailers");
}

// Each send is a packet of this socket.
TEST(ChannelTest, SendsAWholeRequestAtOnce) {
  std::array<int, 2> ends;
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  const auto channel = Channel::Create(Socket(ends[0]));
  const auto call = channel->Start("/Echo", Deadline::max(), [](std::string_view) { return true; });
  call->Send("ping");
  call->CloseSend();
  EXPECT_TRUE(channel->Step(Deadline::min()).ok());
  std::array<char, 4096> bytes;
  const ssize_t size = recv(peer.fd(), bytes.data(), bytes.size(), 0);
  ASSERT_GT(size, 0);
  EXPECT_TRUE(std::string_view(bytes.data(), static_cast<size_t>(size)).ends_with("ping"));
  EXPECT_LT(recv(peer.fd(), bytes.data(), bytes.size(), 0), 0);
}

// Who asked once closes now, and an agent that wakes for an acknowledgement has nothing from it.
TEST(ChannelTest, AcknowledgesWithTheNextCallWhatCameWithTheLastAnswer) {
  std::array<int, 2> ends;
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  const auto channel = Channel::Create(Socket(ends[0]));
  const auto ask = [&] {
    auto call = channel->Start("/Echo", Deadline::max(), [](std::string_view) { return true; });
    call->CloseSend();
    EXPECT_TRUE(channel->Step(Deadline::min()).ok());
    return call;
  };
  const auto heard = [&] {
    std::array<char, 4096> bytes;
    const ssize_t size = recv(peer.fd(), bytes.data(), bytes.size(), 0);
    return size > 0 ? std::string(bytes.data(), static_cast<size_t>(size)) : std::string();
  };
  const auto call = ask();
  EXPECT_NE(heard(), "");
  using std::string_literals::operator""s;
  const std::string settings = "\0\0\0\4\0\0\0\0\0"s;
  const std::string block = "\x88\0\x0bgrpc-status\1"s + "0";
  const std::string head = "\0\0"s + static_cast<char>(block.size()) + "\1\5\0\0\0\1"s + block;
  const std::string answer = settings + head;
  ASSERT_EQ(send(peer.fd(), answer.data(), answer.size(), 0), static_cast<ssize_t>(answer.size()));
  EXPECT_TRUE(channel->Step(Deadline::min()).ok());
  EXPECT_TRUE(call->done());
  EXPECT_TRUE(call->status().ok()) << call->status().message;
  EXPECT_EQ(heard(), "");
  const auto next = ask();
  EXPECT_TRUE(heard().find("\0\0\0\4\1\0\0\0\0"s) != std::string::npos);
}

TEST(ChannelTest, CarriesMessagesLargerThanAnyWindow) {
  FakeAgent agent;
  const std::string request(3'000'000, 'x');
  std::string response;
  EXPECT_TRUE(Call(&agent, request, &response).ok());
  EXPECT_EQ(response, request);
}

TEST(ChannelTest, StreamsAnswersUntilToldToStop) {
  FakeAgent agent;
  std::unique_ptr<Channel> channel;
  ASSERT_TRUE(Channel::Open(agent.socket_path(), In(seconds(10)), &channel).ok());
  std::vector<std::string> seen;
  const auto take_all = [&](std::string_view message) {
    seen.emplace_back(message);
    return true;
  };
  EXPECT_TRUE(channel->ServerStream("/Twice", "a", In(seconds(10)), take_all).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "a"}));
  const auto take_one = [&](std::string_view) { return false; };
  EXPECT_TRUE(channel->ServerStream("/Twice", "b", In(seconds(10)), take_one).ok());
  EXPECT_TRUE(channel->ServerStream("/Twice", "c", In(seconds(10)), take_all).ok());
  EXPECT_EQ(seen.size(), 4u);
}

TEST(ChannelTest, TellsTheAgentsStatusWithItsMessageAndPushback) {
  FakeAgent agent({.refuses = {{.code = 14, .message = "disk%20full", .pushback_ms = "250"}}});
  std::string response;
  const Status status = Call(&agent, "ping", &response);
  EXPECT_EQ(status.outcome, Outcome::kStatus);
  EXPECT_EQ(status.code, GrpcCode::kUnavailable);
  EXPECT_EQ(status.message, "disk full");
  EXPECT_EQ(status.pushback, milliseconds(250));
}

TEST(ChannelTest, TellsThatNobodyListens) {
  FakeAgent agent;
  agent.Stop();
  std::string response;
  EXPECT_EQ(Call(&agent, "ping", &response).outcome, Outcome::kNoAgent);
}

TEST(ChannelTest, GivesUpOnASilentAgentAtTheDeadline) {
  FakeAgent agent({.answers = false});
  std::string response;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Call(&agent, "ping", &response, In(milliseconds(50))).outcome, Outcome::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(50));
}

TEST(ChannelTest, TellsThatThePeerSpeaksNoGrpc) {
  FakeAgent agent({.raw_answer = "SSH-2.0-OpenSSH_9.2\r\n"});
  std::string response;
  EXPECT_EQ(Call(&agent, "ping", &response).outcome, Outcome::kBroken);
}

TEST(ChannelTest, ConnectsToPathsLongerThanASocketAddress) {
  for (const size_t size : {107, 108, 109, 1000}) {
    FakeAgent agent({}, size);
    EXPECT_GE(agent.socket_path().size(), size);
    std::string response;
    EXPECT_TRUE(Call(&agent, "ping", &response).ok()) << size;
  }
}

TEST(ChannelTest, UndoesPercentEncodingAndLeavesBrokenEscapes) {
  EXPECT_EQ(DecodeGrpcMessage("a%20b%C3%A9"), "a bé");
  EXPECT_EQ(DecodeGrpcMessage("100%"), "100%");
  EXPECT_EQ(DecodeGrpcMessage("%4"), "%4");
  EXPECT_EQ(DecodeGrpcMessage("%zz"), "%zz");
}

TEST(MessageReaderTest, FindsMessagesHoweverTheBytesAreCut) {
  std::string bytes;
  AppendMessagePrefix(3, &bytes);
  bytes += "abc";
  AppendMessagePrefix(0, &bytes);
  MessageReader reader;
  std::vector<std::string> seen;
  for (const char byte : bytes) {
    reader.Append({&byte, 1});
    for (std::string_view message; reader.Next(&message);) seen.emplace_back(message);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"abc", ""}));
  EXPECT_TRUE(reader.at_message_end());
}

TEST(MessageReaderTest, RefusesWhatIsCompressedOrTooLong) {
  std::string_view message;
  MessageReader compressed;
  compressed.Append(std::string("\1\0\0\0\0", 5));
  EXPECT_FALSE(compressed.Next(&message));
  EXPECT_TRUE(compressed.failed());

  std::string prefix;
  AppendMessagePrefix(kMaxMessageBytes + 1, &prefix);
  MessageReader too_long;
  too_long.Append(prefix);
  EXPECT_FALSE(too_long.Next(&message));
  EXPECT_TRUE(too_long.failed());
}

}  // namespace
}  // namespace sluice::rpc
