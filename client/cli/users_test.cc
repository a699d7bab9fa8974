#include "client/cli/users.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include "tests/support/temp_directory.h"

namespace sluice::cli {
namespace {

class UsersTest : public ::testing::Test {
 protected:
  UsersTest() {
    std::ofstream(file_)
        << "root:x:0:0:root:/root:/bin/sh\nno colons\n:x:7:\nada:x:1000:1000::/:\n";
  }

  // One that notes each time it is asked.
  std::string MakeGetent(const std::string& script) {
    const std::string path = directory_.path() + "/getent";
    std::ofstream(path) << "#!/bin/sh\necho asked >>" << asked_ << '\n' << script << '\n';
    ::chmod(path.c_str(), 0755);
    return path;
  }
  int TimesAsked() {
    std::ifstream lines(asked_);
    int times = 0;
    for (std::string line; std::getline(lines, line);) ++times;
    return times;
  }

  sluice::testing::TempDirectory directory_;
  const std::string file_ = directory_.path() + "/passwd";
  const std::string asked_ = directory_.path() + "/asked";
};

TEST_F(UsersTest, FindsNamesAndNumbers) {
  Users users({.passwd = file_, .getent = ""});
  EXPECT_EQ(users.Find("ada"), 1000u);
  EXPECT_EQ(users.Find("77"), 77u);
  EXPECT_EQ(users.Find("bob"), std::nullopt);
  EXPECT_EQ(users.Find(""), std::nullopt);
  EXPECT_EQ(users.NameOf(0), "root");
  EXPECT_EQ(users.NameOf(77), "77");
  Users unknown({.passwd = "", .getent = ""});
  EXPECT_EQ(unknown.NameOf(0), "root");
  EXPECT_EQ(unknown.NameOf(1000), "1000");
}

TEST_F(UsersTest, AsksGetentForWhomTheFileLacks) {
  const std::string getent =
      MakeGetent("case $3 in bob | 2000) echo bob:x:2000:100::/:;; *) exit 2;; esac");
  Users users({.passwd = file_, .getent = getent});
  EXPECT_EQ(users.NameOf(1000), "ada");
  EXPECT_EQ(TimesAsked(), 0);
  EXPECT_EQ(users.NameOf(2000), "bob");
  EXPECT_EQ(users.NameOf(2000), "bob");
  EXPECT_EQ(TimesAsked(), 1) << "a list names one user in many rows";
  EXPECT_EQ(users.Find("bob"), 2000u);
  EXPECT_EQ(users.NameOf(2001), "2001");
  EXPECT_EQ(users.Find("--help"), std::nullopt);
}

TEST_F(UsersTest, AsksNoMoreOnceGetentHangs) {
  Users users({.passwd = file_,
               .getent = MakeGetent("exec tail -f /dev/null"),
               .getent_limit = std::chrono::milliseconds(200)});
  EXPECT_EQ(users.NameOf(2000), "2000");
  EXPECT_EQ(users.NameOf(2001), "2001");
  EXPECT_EQ(TimesAsked(), 1);
}

TEST_F(UsersTest, WorksWithoutGetent) {
  Users users({.passwd = file_, .getent = directory_.path() + "/missing"});
  EXPECT_EQ(users.NameOf(2000), "2000");
  EXPECT_EQ(users.NameOf(1000), "ada");
}

TEST_F(UsersTest, NamesAreThoseOfTheMachineThatIsLookedAt) {
  GlobalOptions options;
  EXPECT_EQ(UsersOf(options).passwd, "/etc/passwd");
  options.root = "/mnt";
  EXPECT_EQ(UsersOf(options).passwd, "/mnt/etc/passwd");
  EXPECT_EQ(UsersOf(options).getent, "");
  options.root.clear();
  options.journal = "/tmp/collected.tar.gz";
  EXPECT_EQ(UsersOf(options).passwd, "");
  EXPECT_EQ(UsersOf(options).getent, "");
}

}  // namespace
}  // namespace sluice::cli
