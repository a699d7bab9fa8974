// How a hostile peer may connect, wait and hoard, and that another peer does not notice.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/net/hostile_fixture.h"

namespace sluice::net {
namespace {

using ::sluice::testing::ConnectUnix;
using ::sluice::testing::H2Client;
using std::chrono::steady_clock;

using HostileConnectionsTest = HostileServerTest;

class ImpatientServerTest : public HostileConnectionsTest {
 protected:
  ImpatientServerTest() : HostileConnectionsTest(300) {}
};

TEST_F(ImpatientServerTest, EndsASilentConnection) {
  RawPeer peer(Path());
  EXPECT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("first_request_timeout"), 1u);
}

TEST_F(ImpatientServerTest, EndsAPeerThatDrips) {
  RawPeer peer(Path());
  const std::string wire = std::string(testing::kPreface) + testing::Frame(4, 0, 0, "") +
                           testing::Frame(1, 4, 1, testing::RequestBlock(kEcho));
  size_t sent = 0;
  const auto deadline = steady_clock::now() + std::chrono::seconds(20);
  while (Closed("first_request_timeout") == 0 && steady_clock::now() < deadline) {
    if (sent + 1 < wire.size() && !peer.Send(wire.substr(sent++, 1))) break;
    ExpectVictimServed();
  }
  EXPECT_TRUE(peer.AwaitClose());
  EXPECT_EQ(Closed("first_request_timeout"), 1u);
}

TEST_F(HostileConnectionsTest, TakesSixtyFourConnectionsOfAUidAndRefusesTheNext) {
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < kConnections - 1; ++i) {  // the victim is one
    clients.push_back(std::make_unique<H2Client>(ConnectUnix(Path())));
    const int32_t id = clients.back()->Ask(kEcho, "x");
    ASSERT_TRUE(clients.back()->PumpUntil([&] { return clients.back()->call(id).ended; })) << i;
  }
  EXPECT_EQ(counters_.Total("net.refused", "connections_per_uid"), 0u);
  RawPeer one_more(Path());
  EXPECT_TRUE(one_more.AwaitClose());
  EXPECT_EQ(counters_.Total("net.refused", "connections_per_uid"), 1u);
  EXPECT_THAT(one_more.received(), ::testing::HasSubstr("connections_per_uid"));
}

class ManyDescriptors {
 public:
  explicit ManyDescriptors(rlim_t wanted) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit raised{std::max(wanted, before_.rlim_cur), std::max(wanted, before_.rlim_max)};
    ok_ = ::setrlimit(RLIMIT_NOFILE, &raised) == 0;
  }
  ~ManyDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  bool ok() const { return ok_; }

 private:
  rlimit before_;
  bool ok_;
};

// Opens files until this process may open no more.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered{std::min<rlim_t>(before_.rlim_cur, 1024), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lowered);
    while (UniqueFd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}) hoard_.push_back(std::move(fd));
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
  std::vector<UniqueFd> hoard_;
};

TEST_F(HostileConnectionsTest, OutlastsTenThousandConnectionsOfOneUid) {
  const ManyDescriptors descriptors(10'500);
  if (!descriptors.ok()) GTEST_SKIP() << "may not raise the limit of open files";
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 10'000; ++i) {
    peers.push_back(ConnectUnix(Path()));
    ASSERT_TRUE(peers.back()) << i;
    if (i % 1000 == 0) ExpectVictimServed();
  }
  const auto settled = [this] {
    return counters_.Total("net.refused", "connections_per_uid") +
               counters_.Total("net.closed", "first_request_timeout") >=
           10'000;
  };
  EXPECT_TRUE(victim_->PumpUntil(settled));
  EXPECT_GE(counters_.Total("net.refused", "connections_per_uid"), 9'000u);
}

TEST_F(HostileConnectionsTest, ServesOnWhileThereAreNoDescriptors) {
  // Not through this fixture: UBSan looks at an object's type with the help of descriptors.
  H2Client* const victim = victim_.get();
  const auto all_refused = [&counters = counters_] {
    return counters.Total("net.refused", "descriptors") == 20;
  };
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 20; ++i) sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, Path().data(), Path().size());
  {
    const NoDescriptors none;
    for (const UniqueFd& socket : sockets) {
      ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    }
    ExpectServed(victim);
    EXPECT_TRUE(victim->PumpUntil(all_refused));
    ExpectServed(victim);
  }
  H2Client newcomer(ConnectUnix(Path()));
  ExpectServed(&newcomer);
}

}  // namespace
}  // namespace sluice::net
