// A server on a thread of its own with a well-behaved client, and a peer that sends what it likes.
#pragma once

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "agent/net/grpc/grpc_server.h"
#include "agent/net/grpc/unary.h"
#include "agent/net/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/h2_client.h"

namespace sluice::net {

inline constexpr std::string_view kEcho = "/t.T/Echo";
// That its user may have.
inline constexpr int kConnections = 64;

// A server on a thread of its own, and a well-behaved client that was there before.
class HostileServerTest : public ::testing::Test {
 protected:
  explicit HostileServerTest(int first_request_ms = limits::kFirstBytesSeconds * 1000) {
    char name[] = "/tmp/netXXXXXX";
    directory_ = ::mkdtemp(name);
    GrpcServer::Limits limits{.connections_of_root = kConnections};
    limits.first_request_ms = first_request_ms;
    limits.greeted_request_ms = first_request_ms;
    limits.waste.permille = 1000;  // its client and its hostile peers are one user
    server_ = std::make_unique<GrpcServer>(GrpcServer::Options{.loop = loop_.get(),
                                                               .counters = &counters_,
                                                               .budget = &budget_,
                                                               .accepts_on_own_thread = true,
                                                               .limits = limits});
    server_->AddRoute(kEcho, {.factory = Unary([](Call& call, std::string_view request) {
                                call.Send(request);
                                call.Finish(absl::OkStatus());
                              })});
    auto listening = ListenUnix(Path(), 0600);
    EXPECT_TRUE(listening.ok()) << listening.status();
    EXPECT_TRUE(server_->Serve(*std::move(listening)).ok());
    thread_ = std::thread([this] { loop_->Run(); });
    victim_ = std::make_unique<testing::H2Client>(testing::ConnectUnix(Path()));
    ExpectVictimServed();
  }

  ~HostileServerTest() override {
    ExpectVictimServed();
    victim_.reset();
    loop_->Stop();
    thread_.join();
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string Path() const { return directory_ + "/s"; }

  void ExpectVictimServed() { ExpectServed(victim_.get()); }

  static void ExpectServed(testing::H2Client* client) {
    const int32_t id = client->Ask(kEcho, "still there?");
    EXPECT_TRUE(client->PumpUntil([&] { return client->call(id).ended; }));
    EXPECT_EQ(client->call(id).status(), "0");
  }

  uint64_t Closed(const std::string& reason) { return counters_.Total("net.closed", reason); }

  Counters counters_;
  ByteBudget budget_{{}};
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::unique_ptr<GrpcServer> server_;
  std::string directory_;
  std::thread thread_;
  std::unique_ptr<testing::H2Client> victim_;
};

// Sends all it can and returns what came back by the time the server closed.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path) : socket_(testing::ConnectUnix(path)) {}

  // False: the server closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      Drain();
      const ssize_t sent =
          ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) Wait(POLLIN | POLLOUT);
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // False: the server did not close in time.
  bool AwaitClose() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!Drain()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      Wait(POLLIN);
    }
    return true;
  }

  const std::string& received() const { return received_; }
  void HangUp() { socket_.reset(); }

 private:
  // True: the server closed.
  bool Drain() {
    char buffer[4096];
    while (true) {
      const ssize_t size = ::recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return false;
      if (size <= 0) return true;
      received_.append(buffer, static_cast<size_t>(size));
    }
  }

  void Wait(short events) {
    pollfd ready{socket_.get(), events, 0};
    ::poll(&ready, 1, 100);
  }

  UniqueFd socket_;
  std::string received_;
};

}  // namespace sluice::net
