#include "agent/sinks/otlp/net/own_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "proto/base/unique_fd.h"
#include "tests/support/temp_directory.h"

namespace sluice::otlp {
namespace {

UniqueFd Bound(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), path.size());
  EXPECT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return socket;
}

TEST(IsOwnSocket, KnowsWhatThisProcessListensOn) {
  const testing::TempDirectory folder;
  const UniqueFd socket = Bound(folder.path() + "/s");
  EXPECT_FALSE(IsOwnSocket(folder.path() + "/s")) << "nobody listens there";
  ASSERT_EQ(listen(socket.get(), 1), 0);
  EXPECT_TRUE(IsOwnSocket(folder.path() + "/s"));
  EXPECT_TRUE(IsOwnSocket(folder.path() + "/../" + folder.path().substr(5) + "/s"));
  ASSERT_EQ(symlink((folder.path() + "/s").c_str(), (folder.path() + "/link").c_str()), 0);
  EXPECT_TRUE(IsOwnSocket(folder.path() + "/link"));

  // Another's, under the name that ours had.
  ASSERT_EQ(rename((folder.path() + "/s").c_str(), (folder.path() + "/moved").c_str()), 0);
  const UniqueFd other = Bound(folder.path() + "/s");
  EXPECT_FALSE(IsOwnSocket(folder.path() + "/none"));
  EXPECT_FALSE(IsOwnSocket(""));
}

TEST(HasOwnPeer, KnowsASocketThatWasMoved) {
  const testing::TempDirectory folder;
  const UniqueFd socket = Bound(folder.path() + "/s");
  ASSERT_EQ(listen(socket.get(), 1), 0);
  ASSERT_EQ(rename((folder.path() + "/s").c_str(), (folder.path() + "/moved").c_str()), 0);
  const std::string path = folder.path() + "/moved";
  EXPECT_FALSE(IsOwnSocket(path));
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(HasOwnPeer(client.get()));
  sockaddr_un address = {.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_TRUE(HasOwnPeer(client.get()));
}

}  // namespace
}  // namespace sluice::otlp
