#include "agent/net/grpc/grpc_server.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

using ::sluice::testing::Frame;
using ::testing::ElementsAre;

TEST_F(GrpcServerTest, AnswersManyCallsOfOneConnectionAtOnce) {
  const auto client = Connect();
  std::vector<int32_t> ids;
  Settle(client.get());
  for (int i = 0; i < 16; ++i) ids.push_back(client->Ask("/t.T/Echo", std::to_string(i)));
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(UntilEnded(client.get(), ids[static_cast<size_t>(i)]));
    EXPECT_THAT(client->call(ids[static_cast<size_t>(i)]).messages, ElementsAre(std::to_string(i)));
  }
}

TEST_F(GrpcServerTest, TakesAnyAuthority) {
  const auto client = Connect();
  for (const char* authority : {"/run/sluice/sluice.sock", "%2Frun%2Fx", "", "a b"}) {
    const int32_t id = client->Open("/t.T/Echo", {{":authority", authority}});
    client->Send(id, "x");
    client->HalfClose(id);
    ASSERT_TRUE(UntilEnded(client.get(), id)) << authority;
    EXPECT_EQ(client->call(id).status(), "0") << authority;
  }
}

TEST_F(GrpcServerTest, RefusesWhatIsNotGrpcByHttpStatus) {
  const auto client = Connect();
  const int32_t other = client->Open("/t.T/Echo", {{"content-type", "text/html"}});
  const int32_t get = client->Open("/t.T/Echo", {{":method", "GET"}});
  ASSERT_TRUE(UntilEnded(client.get(), other));
  ASSERT_TRUE(UntilEnded(client.get(), get));
  EXPECT_EQ(client->call(other).fields.at(":status"), "415");
  EXPECT_EQ(client->call(get).fields.at(":status"), "405");
}

TEST_F(GrpcServerTest, TellsThatItIsHealthyWithoutAnyServicesHelp) {
  const auto client = Connect();
  const int32_t whole = client->Ask("/grpc.health.v1.Health/Check", "");
  const int32_t one = client->Ask("/grpc.health.v1.Health/Check", "\x0a\x01x");
  ASSERT_TRUE(UntilEnded(client.get(), whole));
  ASSERT_TRUE(UntilEnded(client.get(), one));
  EXPECT_THAT(client->call(whole).messages, ElementsAre("\x08\x01"));
  EXPECT_EQ(client->call(one).status(), "5");
}

TEST_F(GrpcServerTest, AWatcherIsToldThatItIsHealthyUntilItStops) {
  const auto client = Connect();
  const int32_t whole = client->Ask("/grpc.health.v1.Health/Watch", "");
  const int32_t one = client->Ask("/grpc.health.v1.Health/Watch", "\x0a\x01x");
  ASSERT_TRUE(Until(client.get(), [&] { return client->call(one).messages.size() == 1; }));
  EXPECT_THAT(client->call(whole).messages, ElementsAre("\x08\x01"));
  EXPECT_THAT(client->call(one).messages, ElementsAre("\x08\x03"));
  EXPECT_FALSE(client->call(whole).ended);
  client->Reset(one);
  Settle(client.get());
  bool drained = false;
  server_->Drain([&] { drained = true; });
  ASSERT_TRUE(UntilEnded(client.get(), whole));
  EXPECT_THAT(client->call(whole).messages, ElementsAre("\x08\x01", "\x08\x02"));
  EXPECT_EQ(client->call(whole).status(), "14");
  EXPECT_TRUE(Until(client.get(), [&] { return drained; }));
}

TEST_F(GrpcServerTest, KnowsItsServices) {
  EXPECT_THAT(server_->Services(), ElementsAre("grpc.health.v1.Health", "t.T"));
}

TEST_F(GrpcServerTest, DeliversWhatADyingPeerSentAndThenCancels) {
  auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  // More than one read takes, so that the first answer finds nobody before the last byte is read.
  const std::string last_words(60'000, 'w');
  client->Send(id, last_words);
  client->Pump();
  client.reset();
  for (int i = 0; i < 10 && server_->connection_count() > 0; ++i) loop_->RunOnce(0);
  EXPECT_EQ(server_->connection_count(), 0u);
  EXPECT_THAT(script_.messages, ElementsAre(last_words));
  EXPECT_EQ(script_.events, "cancel destroyed ");
  EXPECT_EQ(counters_.Total("net.closed", "peer"), 1u);
}

TEST_F(GrpcServerTest, GivesTheConnectionTheKernelsIdentity) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.call != nullptr; }));
  Connection& connection = script_.call->connection();
  EXPECT_EQ(connection.identity().pid, ::getpid());
  EXPECT_EQ(connection.uid(), ::geteuid());
  connection.Close("test_is_over");
  ASSERT_TRUE(Until(client.get(), [&] { return !client->connected(); }));
  EXPECT_EQ(server_->connection_count(), 0u);
  EXPECT_EQ(script_.events, "cancel destroyed ");
  EXPECT_EQ(counters_.Total("net.closed", "test_is_over"), 1u);
  EXPECT_FALSE(client->call(id).ended);
}

TEST_F(GrpcServerTest, ClosesWhoAsksNothingInTime) {
  const UniqueFd silent = ConnectRaw();
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Echo", "x");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  clock_.now += 5 * kSecond - 1;
  loop_->RunOnce(0);
  EXPECT_EQ(server_->connection_count(), 2u);
  clock_.now += 1;
  loop_->RunOnce(0);
  EXPECT_EQ(server_->connection_count(), 1u);
  EXPECT_EQ(counters_.Total("net.closed", "first_request_timeout"), 1u);
  EXPECT_TRUE(client->Pump());
}

TEST_F(GrpcServerTest, ClosesTheConnectionAboveTheLimitAndSaysWhy) {
  MakeServer({.connections_per_uid = 2, .connections_of_root = 2});
  const auto first = Connect();
  const auto second = Connect();
  const auto third = Connect();
  EXPECT_EQ(server_->connection_count(), 2u);
  EXPECT_EQ(counters_.Total("net.refused", "connections_per_uid"), 1u);
  ASSERT_TRUE(Until(third.get(), [&] { return !third->connected(); }));
  const int32_t id = first->Ask("/t.T/Echo", "x");
  EXPECT_TRUE(UntilEnded(first.get(), id));
}

TEST_F(GrpcServerTest, ClosesAPeerThatDoesNotReadItsAnswers) {
  const UniqueFd deaf = ConnectRaw();
  std::string wire = std::string(testing::kPreface) + Frame(4, 0, 0, "");
  // Pings of which none of the answers is read, below what counts as a flood a second.
  for (int i = 0; i < 40; ++i) wire += Frame(6, 0, 0, "12345678");
  wire += Frame(1, 5, 1, testing::RequestBlock("/t.T/Echo"));
  ASSERT_EQ(::send(deaf.get(), wire.data(), wire.size(), 0), static_cast<ssize_t>(wire.size()));
  loop_->RunOnce(0);
  ASSERT_EQ(server_->connection_count(), 1u);
  const std::string pings = [] {
    std::string many;
    for (int i = 0; i < 90; ++i) many += Frame(6, 0, 0, "12345678");
    return many;
  }();
  // Until the answers fill the socket and the server leaves what comes unread.
  int unread = 0;
  for (int i = 0; i < 10'000 && unread == 0; ++i) {
    clock_.now += kSecond / 2;
    ASSERT_EQ(::send(deaf.get(), pings.data(), pings.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
              static_cast<ssize_t>(pings.size()));
    loop_->RunOnce(0);
    ASSERT_EQ(::ioctl(deaf.get(), SIOCOUTQ, &unread), 0);
  }
  ASSERT_GT(unread, 0);
  EXPECT_EQ(server_->connection_count(), 1u);
  clock_.now += 30 * kSecond;
  loop_->RunOnce(0);
  EXPECT_EQ(server_->connection_count(), 0u);
  EXPECT_EQ(counters_.Total("net.closed", "unread_output"), 1u);
}

TEST_F(GrpcServerTest, DrainLetsCallsEndAndThenSaysSo) {
  const auto idle = Connect();
  const auto busy = Connect();
  const int32_t id = busy->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(busy.get(), [&] { return script_.events == "half-close "; }));
  bool drained = false;
  server_->Drain([&] { drained = true; });
  ASSERT_TRUE(Until(idle.get(), [&] { return !idle->connected(); }));
  Settle(busy.get());
  EXPECT_TRUE(busy->told_to_go());
  EXPECT_FALSE(drained);
  script_.call->Finish(absl::OkStatus());
  ASSERT_TRUE(UntilEnded(busy.get(), id));
  EXPECT_EQ(busy->call(id).status(), "0");
  EXPECT_TRUE(Until(busy.get(), [&] { return drained; }));
}

TEST_F(GrpcServerTest, CloseCancelsCallsAndLeavesNothingBehind) {
  const auto client = Connect();
  client->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close "; }));
  server_->Close();
  EXPECT_EQ(script_.events, "half-close cancel destroyed ");
  EXPECT_EQ(server_->connection_count(), 0u);
  server_.reset();
  loop_->RunOnce(0);
  EXPECT_FALSE(client->Pump());
}

}  // namespace
}  // namespace sluice::net
