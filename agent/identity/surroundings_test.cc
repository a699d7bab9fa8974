#include "agent/identity/surroundings.h"

#include <unistd.h>

#include "agent/identity/proc_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

using ::testing::HasSubstr;

constexpr char kStatus[] = "Name:\tsh\nNSpid:\t4242\nNSpgid:\t4242\n";
constexpr char kUserMap[] = "         0          0 4294967295\n";
constexpr char kMountinfo[] =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n";
constexpr char kCgroup[] = "0::/system.slice/azure-init.service\n";

Surroundings Host() { return ParseSurroundings(kStatus, kUserMap, kMountinfo, kCgroup); }

TEST(SurroundingsTest, AServiceOfTheHostIsNoContainer) {
  EXPECT_EQ(Host().pid_namespaces, 1u);
  EXPECT_EQ(Host().root, "254:0 /");
  for (const char* group :
       {"0::/\n", "0::/system.slice/docker.service\n", "0::/system.slice/containerd.service\n",
        "0::/system.slice/lxcfs.service\n", "0::/user.slice/user-0.slice/session-1.scope\n",
        "9:name=systemd:/system.slice\n0::/\n", ""}) {
    EXPECT_EQ(Difference(ParseSurroundings(kStatus, kUserMap, kMountinfo, group), Host()), "")
        << group;
  }
}

TEST(SurroundingsTest, ASandboxWithItsOwnMountsIsNoContainer) {
  const std::string sandbox =
      "90 80 254:0 / / ro,relatime - ext4 /dev/vda rw\n91 90 0:50 / /tmp rw - tmpfs tmpfs rw\n";
  EXPECT_EQ(Difference(ParseSurroundings(kStatus, kUserMap, sandbox, kCgroup), Host()), "");
}

TEST(SurroundingsTest, ContainersAreKnownByTheirGroups) {
  const std::string id(64, 'a');
  for (const std::string& group :
       {"/system.slice/docker-" + id + ".scope", "/docker/" + id,
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice/crio-" + id +
            ".scope",
        std::string("/kubepods/besteffort"), std::string("/lxc.payload.web"),
        std::string("/lxc/web"), std::string("/machine.slice/machine-web.scope"),
        "/docker/" + id + "/docker/" + id,
        "/user.slice/user-0.slice/user@0.service/user.slice/libpod-" + id + ".scope"}) {
    const std::string text = "12:pids:/\n0::" + group + "/init.scope\n";
    const Surroundings inside = ParseSurroundings(kStatus, kUserMap, kMountinfo, text);
    EXPECT_EQ(inside.container_group, group);
    EXPECT_EQ(Difference(inside, Host()), "in the container group " + group);
    EXPECT_EQ(Difference(inside, inside), "") << "the agent may itself run in one";
    const std::string beside = "0::" + group + "x/init.scope\n";
    EXPECT_NE(Difference(ParseSurroundings(kStatus, kUserMap, kMountinfo, beside), inside), "");
  }
}

TEST(SurroundingsTest, NamespacesAndAnotherRootAreToldApart) {
  const auto differs = [](const char* status, const char* user_map, const char* mountinfo) {
    return Difference(ParseSurroundings(status, user_map, mountinfo, kCgroup), Host());
  };
  EXPECT_THAT(differs("NSpid:\t4242\t1\n", kUserMap, kMountinfo), HasSubstr("pid namespace"));
  EXPECT_THAT(differs(kStatus, "0 0 1\n", kMountinfo), HasSubstr("user namespace"));
  EXPECT_THAT(differs(kStatus, kUserMap, "99 1 0:57 / / rw - overlay overlay rw\n"),
              HasSubstr("root file system"));
  EXPECT_THAT(differs(kStatus, kUserMap, "27 1 254:0 /images/a / rw - ext4 /dev/vda rw\n"),
              HasSubstr("root file system"));
  EXPECT_THAT(differs(kStatus, kUserMap, ""), HasSubstr("root file system"));
}

TEST(SurroundingsTest, ThisProcessIsWhereItIs) {
  Identity identity{.pid = ::getpid(), .uid = ::getuid()};
  identity.start_time_ticks = ReadProcessStat(identity.pid)->start_time_ticks;
  EXPECT_EQ(ContainerSign(identity), "");
  ++identity.start_time_ticks;
  EXPECT_THAT(ContainerSign(identity), HasSubstr("gone")) << "its number belongs to another now";
  identity.pid = 0;
  EXPECT_THAT(ContainerSign(identity), HasSubstr("cannot see"));
}

}  // namespace
}  // namespace sluice::net
