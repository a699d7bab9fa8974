#include "client/cli/users.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace sluice::cli {
namespace {

class UsersTest : public ::testing::Test {
 protected:
  UsersTest() {
    std::ofstream(file_)
        << "root:x:0:0:root:/root:/bin/sh\nno colons\n:x:7:\nada:x:1000:1000::/:\n";
  }
  ~UsersTest() override { ::unlink(file_.c_str()); }

  const std::string file_ = ::testing::TempDir() + "passwd." + std::to_string(::getpid());
};

TEST_F(UsersTest, FindsNamesAndNumbers) {
  EXPECT_EQ(ParseUser("ada", file_), 1000u);
  EXPECT_EQ(ParseUser("77", file_), 77u);
  EXPECT_EQ(ParseUser("bob", file_), std::nullopt);
  EXPECT_EQ(ParseUser("", file_), std::nullopt);
  EXPECT_EQ(UserName(0, file_), "root");
  EXPECT_EQ(UserName(77, file_), "77");
  EXPECT_EQ(UserName(0, "/nonexistent"), "0");
}

}  // namespace
}  // namespace sluice::cli
