#include "agent/identity/peer.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "agent/identity/proc_file.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

struct CgroupCase {
  const char* text;
  const char* unit;
};

TEST(ParseUnitTest, TakesTheOutermostUnitOfThePath) {
  const CgroupCase cases[] = {
      {"0::/system.slice/cron.service\n", "cron.service"},
      {"0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"},
      {"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"},
      {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service\n",
       "user@1000.service"},
      {"0::/system.slice/docker-0abc.scope/init.scope\n", "docker-0abc.scope"},
      {"0::/init.scope\n", "init.scope"},
      {"0::/system.slice/_cpu.service\n", "cpu.service"},
      {"0::/../../system.slice/x.service\n", "x.service"},
      {"0::/system.slice/x.socket", "x.socket"},
      {"0::/docker/0abc/system.slice/cron.service\n", ""},
      {"0::/system.slice/.service\n", ""},
      {"0::/system.slice\n", ""},
      {"0::/\n", ""},
      {"", ""},
      {"no colons at all\n\n:::\n", ""},
  };
  for (const CgroupCase& c : cases) EXPECT_EQ(ParseUnit(c.text), c.unit) << c.text;
}

TEST(ParseUnitTest, GivesTheUnitAsTextWhateverItsBytes) {
  EXPECT_EQ(ParseUnit("0::/a\xff.service\n"), "a\xef\xbf\xbd.service");
}

TEST(ParseUnitTest, PrefersSystemdsOwnHierarchyWhereThereAreSeveral) {
  EXPECT_EQ(ParseUnit("12:cpu:/a.service\n1:name=systemd:/system.slice/b.service\n0::/\n"),
            "b.service");
  EXPECT_EQ(ParseUnit("0::/x.service\n1:name=systemd:/system.slice/b.service\n"), "b.service");
  EXPECT_EQ(ParseUnit("12:cpu:/a.service\n"), "");
}

TEST(ParsePodTest, TakesWhatTheKubeletMade) {
  const std::string uid = "6f2a8e1c-0b1d-4f5e-9a3b-0123456789ab";
  const std::string hash = "0123456789abcdef0123456789abcdef";
  const std::string slice = "kubepods-burstable-pod6f2a8e1c_0b1d_4f5e_9a3b_0123456789ab.slice";
  const std::string scope = "cri-containerd-" + std::string(64, 'a') + ".scope";
  const auto pod = [](const std::string& path) { return ParsePod("0::/" + path + "\n"); };
  EXPECT_EQ(pod("kubepods.slice/kubepods-burstable.slice/" + slice + "/" + scope), uid);
  EXPECT_EQ(pod("kubelet.slice/kubelet-kubepods.slice/kubelet-" + slice + "/" + scope), uid);
  EXPECT_EQ(pod("kubepods.slice/kubepods-pod" + hash + ".slice/" + scope), hash);
  EXPECT_EQ(pod("kubepods/burstable/pod" + uid + "/" + std::string(64, 'a')), uid);
  EXPECT_EQ(pod("kubepods/pod" + uid), uid);
  EXPECT_EQ(ParsePod("0::/\n1:name=systemd:/kubepods/pod" + uid + "/x\n"), uid);
}

TEST(ParsePodTest, BelievesNoneThatAUserMayHaveMade) {
  const std::string uid = "6f2a8e1c-0b1d-4f5e-9a3b-0123456789ab";
  const std::string slice = "kubepods-pod6f2a8e1c_0b1d_4f5e_9a3b_0123456789ab.slice";
  for (const std::string& path :
       {"user.slice/user-1000.slice/user@1000.service/" + slice, "a.service/kubepods/pod" + uid,
        "docker/kubepods/pod" + uid, "user.slice/pod" + uid, "kubepods/x.scope/pod" + uid,
        std::string("kubepods/podother"), std::string("kubepods.slice/kubepods-pod.slice"),
        std::string("system.slice/cron.service"), std::string()}) {
    EXPECT_EQ(ParsePod("0::/" + path), "") << path;
  }
}

TEST(ParseUnitTest, RefusesANameThatIsTooLongForAUnit) {
  const std::string suffix = ".service";
  const std::string fits(255 - suffix.size(), 'u');
  EXPECT_EQ(ParseUnit("0::/" + fits + suffix), fits + suffix);
  EXPECT_EQ(ParseUnit("0::/u" + fits + suffix), "");
}

struct SocketPair {
  SocketPair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0); }
  ~SocketPair() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
  int fds[2];
};

TEST(IdentifyPeerTest, NamesThisProcessAtTheOtherEndOfItsOwnSocket) {
  const SocketPair pair;
  const auto peer = IdentifyPeer(pair.fds[0]);
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->identity.pid, ::getpid());
  EXPECT_EQ(peer->identity.uid, ::geteuid());
  EXPECT_EQ(peer->identity.gid, ::getegid());
  std::ifstream file("/proc/self/comm");
  std::string comm;
  std::getline(file, comm);
  EXPECT_EQ(peer->identity.comm, comm);
  EXPECT_EQ(peer->identity.start_time_ticks, ReadProcessStat(::getpid())->start_time_ticks);
  EXPECT_GT(peer->identity.start_time_ticks, 0u);
  EXPECT_EQ(PeerUid(pair.fds[0]).value(), ::geteuid());
}

TEST(IdentifyPeerTest, BelievesNothingOfProcOnceTheCreatorIsReaped) {
  int fds[2];
  int channel[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, channel), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) ::_exit(1);
    char byte = 0;
    iovec bytes{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{.msg_iov = &bytes,
                   .msg_iovlen = 1,
                   .msg_control = control,
                   .msg_controllen = sizeof(control)};
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(header)) = fds[0];
    ::_exit(::sendmsg(channel[1], &message, 0) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  char byte = 0;
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{.msg_iov = &bytes,
                 .msg_iovlen = 1,
                 .msg_control = control,
                 .msg_controllen = sizeof(control)};
  ASSERT_EQ(::recvmsg(channel[0], &message, MSG_CMSG_CLOEXEC), 1);
  const UniqueFd passed(*reinterpret_cast<int*>(CMSG_DATA(CMSG_FIRSTHDR(&message))));
  ::close(channel[0]);
  ::close(channel[1]);

  const auto peer = IdentifyPeer(passed.get());
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->identity.pid, child);
  EXPECT_EQ(peer->identity.start_time_ticks, 0u);
  EXPECT_EQ(peer->identity.comm, "");
}

TEST(IdentifyPeerTest, FailsForWhatIsNotASocket) { EXPECT_FALSE(IdentifyPeer(STDIN_FILENO).ok()); }

}  // namespace
}  // namespace sluice::net
