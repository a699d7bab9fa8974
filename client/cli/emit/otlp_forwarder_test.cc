#include "client/cli/emit/otlp_forwarder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>

#include "client/cli/emit/tcp_peer.h"

namespace sluice::cli {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr uid_t kNobody = 65534;

// No test waits for ever for what does not come.
void LimitWaits(int socket) {
  const timeval patience = {.tv_sec = 20, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

// What the agent's socket is here: one that only listens.
class Listener {
 public:
  Listener() {
    std::string name = "/tmp/sluice.forward.XXXXXX";
    directory_ = mkdtemp(name.data());
    path_ = directory_ + "/s";
    sockaddr_un address = {.sun_family = AF_UNIX};
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_.get(), 8), 0);
    LimitWaits(fd_.get());
  }
  ~Listener() { std::filesystem::remove_all(directory_); }

  const std::string& path() const { return path_; }
  UniqueFd Accept() { return UniqueFd(accept(fd_.get(), nullptr, nullptr)); }
  bool HasConnection() {
    pollfd listener = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
    return poll(&listener, 1, 0) != 0;
  }

 private:
  std::string directory_;
  std::string path_;
  UniqueFd fd_{socket(AF_UNIX, SOCK_STREAM, 0)};
};

uint16_t PortOf(const OtlpForwarder& forwarder) {
  const std::string url = forwarder.endpoint();
  return static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

UniqueFd Connect(uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  LimitWaits(fd.get());
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

// Everything until the other end has ended.
std::string ReadAll(int fd) {
  std::string all;
  std::vector<char> buffer(1 << 16);
  ssize_t got;
  while ((got = read(fd, buffer.data(), buffer.size())) > 0) {
    all.append(buffer.data(), static_cast<size_t>(got));
  }
  return all;
}

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = write(fd, bytes.data(), bytes.size());
    ASSERT_GT(sent, 0);
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

class OtlpForwarderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(forwarder_.Listen(), 0);
    ASSERT_TRUE(forwarder_.Start());
  }

  Listener agent_;
  OtlpForwarder forwarder_{agent_.path()};
};

TEST_F(OtlpForwarderTest, CarriesBothDirectionsAndTheirEnds) {
  const std::string request(3'000'000, 'q');
  const std::string answer(2'000'000, 'a');
  const UniqueFd client = Connect(PortOf(forwarder_));
  auto asked = std::async(std::launch::async, [&] {
    WriteAll(client.get(), request);
    shutdown(client.get(), SHUT_WR);
    return ReadAll(client.get());
  });
  UniqueFd agent = agent_.Accept();
  EXPECT_EQ(ReadAll(agent.get()), request);
  WriteAll(agent.get(), answer);
  agent.reset();
  EXPECT_EQ(asked.get(), answer);
}

TEST_F(OtlpForwarderTest, WhatWasSentBeforeTheStopArrives) {
  {
    const UniqueFd client = Connect(PortOf(forwarder_));
    WriteAll(client.get(), "the last words");
  }
  forwarder_.Stop(steady_clock::now() + seconds(20));
  UniqueFd agent = agent_.Accept();
  EXPECT_EQ(ReadAll(agent.get()), "the last words");
}

TEST_F(OtlpForwarderTest, AConnectionThatGoesOnIsEndedAtTheDeadline) {
  const UniqueFd client = Connect(PortOf(forwarder_));
  const UniqueFd agent = agent_.Accept();
  forwarder_.Stop(steady_clock::now());
  EXPECT_EQ(ReadAll(client.get()), "");
}

TEST_F(OtlpForwarderTest, WithoutAnAgentTheConnectionEnds) {
  std::filesystem::remove(agent_.path());
  EXPECT_EQ(ReadAll(Connect(PortOf(forwarder_)).get()), "");
}

TEST_F(OtlpForwarderTest, RefusesOtherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "takes another user's uid, which takes root";
  const pid_t other = fork();
  if (other == 0) {
    if (setresuid(kNobody, kNobody, kNobody) != 0) _exit(2);
    const UniqueFd client = Connect(PortOf(forwarder_));
    char byte;
    _exit(read(client.get(), &byte, 1) == 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0) << "the connection was not closed";
  EXPECT_FALSE(agent_.HasConnection());
}

TEST(TcpPeerTest, TellsWhoHasSentAndGone) {
  if (geteuid() != 0) GTEST_SKIP() << "takes another user's uid, which takes root";
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener.get(), generic, size), 0);
  ASSERT_EQ(listen(listener.get(), 8), 0);
  ASSERT_EQ(getsockname(listener.get(), generic, &size), 0);
  const pid_t other = fork();
  if (other == 0) {
    if (setresuid(kNobody, kNobody, kNobody) != 0) _exit(2);
    const UniqueFd client = Connect(ntohs(address.sin_port));
    WriteAll(client.get(), "x");
    _exit(0);
  }
  ASSERT_EQ(waitpid(other, nullptr, 0), other);
  const UniqueFd accepted(accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(PeerUid(accepted.get()), kNobody);
  const UniqueFd own = Connect(ntohs(address.sin_port));
  const UniqueFd second(accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(PeerUid(second.get()), 0u);
}

TEST(TcpPeerTest, SaysNothingOfWhatIsNoConnection) {
  EXPECT_EQ(PeerUid(-1), std::nullopt);
  const UniqueFd alone(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(PeerUid(alone.get()), std::nullopt);
}

}  // namespace
}  // namespace sluice::cli
