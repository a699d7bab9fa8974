#include "agent/net/listener.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "agent/net/activation.h"
#include "agent/net/unix_socket.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/netXXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

UniqueFd Connect(const std::string& path) {
  const UniqueFd directory(::open(path.substr(0, path.rfind('/')).c_str(), O_PATH | O_CLOEXEC));
  const std::string near =
      "/proc/self/fd/" + std::to_string(directory.get()) + "/" + path.substr(path.rfind('/') + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, near.data(), near.size());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fd.reset();
  return fd;
}

mode_t ModeOf(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

TEST(ListenUnixTest, GivesTheFileExactlyTheModeWhateverTheUmask) {
  const TempDir dir;
  for (const mode_t mask : {0022u, 0077u, 0000u}) {
    const mode_t before = ::umask(mask);
    const auto open = ListenUnix(dir.File("open"), 0666);
    const auto closed = ListenUnix(dir.File("closed"), 0600);
    ::umask(before);
    ASSERT_TRUE(open.ok()) << open.status();
    ASSERT_TRUE(closed.ok()) << closed.status();
    EXPECT_EQ(ModeOf(dir.File("open")), 0666u);
    EXPECT_EQ(ModeOf(dir.File("closed")), 0600u);
  }
}

TEST(ListenUnixTest, ServesAPathLongerThanAnAddressHolds) {
  const TempDir dir;
  std::string path = dir.File("");
  for (int i = 0; i < 6; ++i) {
    path += std::string(100, 'd');
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    path += '/';
  }
  path += "s.sock";
  const auto listening = ListenUnix(path, 0600);
  ASSERT_TRUE(listening.ok()) << listening.status();
  EXPECT_TRUE(Connect(path));
}

TEST(ListenUnixTest, TakesANameOfEightyBytesAndNotOneMore) {
  const TempDir dir;
  EXPECT_TRUE(ListenUnix(dir.File(std::string(79, 'n')), 0600).ok());
  EXPECT_TRUE(ListenUnix(dir.File(std::string(80, 'n')), 0600).ok());
  EXPECT_EQ(ListenUnix(dir.File(std::string(81, 'n')), 0600).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ListenUnixTest, RefusesASocketThatSomebodyListensOn) {
  const TempDir dir;
  const auto first = ListenUnix(dir.File("s"), 0600);
  ASSERT_TRUE(first.ok());
  const auto second = ListenUnix(dir.File("s"), 0600);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists) << second.status();
  EXPECT_TRUE(Connect(dir.File("s")));
}

TEST(ListenUnixTest, ReplacesASocketThatNobodyListensOn) {
  const TempDir dir;
  ASSERT_TRUE(ListenUnix(dir.File("s"), 0600).ok());  // closed again at once
  EXPECT_FALSE(Connect(dir.File("s")));
  const auto second = ListenUnix(dir.File("s"), 0600);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(Connect(dir.File("s")));
}

TEST(ListenUnixTest, LeavesAFileThatIsNotASocketAlone) {
  const TempDir dir;
  std::ofstream(dir.File("s")) << "precious";
  ASSERT_EQ(::symlink("s", dir.File("link").c_str()), 0);
  for (const char* name : {"s", "link"}) {
    EXPECT_EQ(ListenUnix(dir.File(name), 0600).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(std::filesystem::file_size(dir.File("s")), 8u);
}

TEST(ListenUnixTest, NamesADirectoryThatIsMissing) {
  EXPECT_EQ(ListenUnix("/tmp/no-such-directory/s", 0600).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(EnsurePrivateDirectoryTest, MakesTheDirectoryAndRefusesAnOpenOne) {
  const TempDir dir;
  EXPECT_TRUE(EnsurePrivateDirectory(dir.File("d"), 0700).ok());
  EXPECT_EQ(ModeOf(dir.File("d")), 0700u);
  EXPECT_TRUE(EnsurePrivateDirectory(dir.File("d"), 0700).ok());
  ASSERT_EQ(::chmod(dir.File("d").c_str(), 0710), 0);
  EXPECT_FALSE(EnsurePrivateDirectory(dir.File("d"), 0700).ok());
  ASSERT_EQ(::symlink("/root", dir.File("link").c_str()), 0);
  EXPECT_FALSE(EnsurePrivateDirectory(dir.File("link"), 0700).ok());
}

class ListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listening = ListenUnix(dir_.File("s"), 0600);
    ASSERT_TRUE(listening.ok()) << listening.status();
    auto listener = Listener::Create(loop_.get(), &counters_, *std::move(listening),
                                     [this](UniqueFd fd) { accepted_.push_back(std::move(fd)); });
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }

  const TempDir dir_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  Counters counters_;
  std::vector<UniqueFd> accepted_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, HandsOverSocketsThatDoNotBlockAndCloseOnExec) {
  const UniqueFd client = Connect(dir_.File("s"));
  ASSERT_TRUE(client);
  loop_->RunOnce(10'000);
  ASSERT_EQ(accepted_.size(), 1u);
  EXPECT_TRUE(::fcntl(accepted_[0].get(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(accepted_[0].get(), F_GETFD) & FD_CLOEXEC);
}

// Lowers the limit of descriptors to those that are open, and restores it.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const rlimit lowered{static_cast<rlim_t>(next.get()), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

bool IsClosedByPeer(const UniqueFd& client) {
  char byte;
  return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

TEST_F(ListenerTest, ClosesWhatItCannotTakeWithoutSpinningAndGoesOnAfterwards) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Connect(dir_.File("s")));
  {
    const NoMoreDescriptors scarce;
    for (int turn = 0; turn < 5; ++turn) loop_->RunOnce(0);
  }
  EXPECT_EQ(accepted_.size(), 0u);
  EXPECT_EQ(counters_.Total("net.refused", "descriptors"), 5u);
  for (const UniqueFd& client : clients) EXPECT_TRUE(IsClosedByPeer(client));

  const UniqueFd later = Connect(dir_.File("s"));
  loop_->RunOnce(10'000);
  EXPECT_EQ(accepted_.size(), 1u);
}

TEST(ActivationTest, TakesNothingThatWasMeantForAnotherProcess) {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "2", 1);
  ::setenv("LISTEN_FDNAMES", "ingest:admin", 1);
  const auto sockets = TakeActivatedSockets();
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_TRUE(sockets->empty());
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
    EXPECT_EQ(std::getenv(name), nullptr) << name;
  }
}

// Runs `check` in a process that was started with `sockets` as descriptors 3 and following.
template <typename Check>
void InActivatedProcess(const std::vector<int>& sockets, const char* names, Check check) {
  const auto activated = [&] {
    std::vector<int> high;
    for (const int fd : sockets) high.push_back(::fcntl(fd, F_DUPFD, 100));
    for (size_t i = 0; i < high.size(); ++i) ::dup2(high[i], 3 + static_cast<int>(i));
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names, 1);
    ::_exit(check(TakeActivatedSockets()) ? 0 : 1);
  };
  EXPECT_EXIT(activated(), ::testing::ExitedWithCode(0), "");
}

TEST(ActivationTest, TakesSocketsByNameReadyForTheLoop) {
  const TempDir dir;
  const auto a = ListenUnix(dir.File("a"), 0600);
  const auto b = ListenUnix(dir.File("b"), 0600);
  ASSERT_TRUE(a.ok() && b.ok());
  ::fcntl(a->get(), F_SETFL, 0);
  InActivatedProcess({a->get(), b->get()}, "ingest:admin", [](const auto& sockets) {
    return sockets.ok() && sockets->size() == 2 && sockets->at("ingest").get() == 3 &&
           sockets->at("admin").get() == 4 && (::fcntl(3, F_GETFL) & O_NONBLOCK) != 0 &&
           ::fcntl(3, F_GETFD) == FD_CLOEXEC && std::getenv("LISTEN_FDS") == nullptr;
  });
}

TEST(ActivationTest, RefusesWhatIsNotAListeningSocketAndTwoOfOneName) {
  const TempDir dir;
  const auto a = ListenUnix(dir.File("a"), 0600);
  ASSERT_TRUE(a.ok());
  const UniqueFd client = Connect(dir.File("a"));
  const auto refused = [](const auto& sockets) {
    return sockets.status().code() == absl::StatusCode::kInvalidArgument;
  };
  InActivatedProcess({client.get()}, "ingest", refused);
  InActivatedProcess({a->get(), a->get()}, "ingest:ingest", refused);
}

}  // namespace
}  // namespace sluice::net
