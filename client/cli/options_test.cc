#include "client/cli/options.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::cli {
namespace {

Environment Fixed(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

TEST(SocketsTest, AreTheInstalledOnesByDefault) {
  const SocketPaths paths = ResolveSockets({}, Fixed({}));
  EXPECT_EQ(paths.ingest, "/run/sluice/sluice.sock");
  EXPECT_EQ(paths.admin, "/run/sluice-admin/admin.sock");
}

TEST(SocketsTest, TakeTheFlagBeforeTheEnvironment) {
  const auto environment = Fixed({{"SLUICE_SOCKET", "/e/s"}, {"SLUICE_ADMIN_SOCKET", "/e/a"}});
  const SocketPaths paths = ResolveSockets({.socket = "/f/s", .admin_socket = "/f/a"}, environment);
  EXPECT_EQ(paths.ingest, "/f/s");
  EXPECT_EQ(paths.admin, "/f/a");
  EXPECT_EQ(ResolveSockets({}, environment).ingest, "/e/s");
  EXPECT_EQ(ResolveSockets({}, environment).admin, "/e/a");
}

TEST(SocketsTest, PutTheAdminSocketBesideANamedIngestSocket) {
  EXPECT_EQ(ResolveSockets({}, Fixed({{"SLUICE_SOCKET", "/e/s"}})).admin, "/e/admin.sock");
  EXPECT_EQ(ResolveSockets({.socket = "/f/s"}, Fixed({})).admin, "/f/admin.sock");
  EXPECT_EQ(ResolveSockets({.socket = "s"}, Fixed({})).admin, "admin.sock");
}

TEST(SocketsTest, DoNotPairAFlagWithTheEnvironmentsOther) {
  const auto environment = Fixed({{"SLUICE_SOCKET", "/e/s"}, {"SLUICE_ADMIN_SOCKET", "/e/a"}});
  EXPECT_EQ(ResolveSockets({.socket = "/f/s"}, environment).admin, "/f/admin.sock");
  EXPECT_EQ(ResolveSockets({.admin_socket = "/f/a"}, environment).ingest, "/e/s");
}

TEST(SocketsTest, MayBeWrittenAsAddresses) {
  const SocketPaths paths =
      ResolveSockets({.socket = "unix:///f/s"}, Fixed({{"SLUICE_ADMIN_SOCKET", "unix:/e/a"}}));
  EXPECT_EQ(paths.ingest, "/f/s");
  EXPECT_EQ(paths.admin, "/f/admin.sock");
  EXPECT_EQ(ResolveSockets({}, Fixed({{"SLUICE_SOCKET", "unix:s"}})).ingest, "s");
}

TEST(SocketsTest, ReadAnEmptyVariableAsUnset) {
  EXPECT_EQ(ResolveSockets({}, Fixed({{"SLUICE_SOCKET", ""}})).ingest, "/run/sluice/sluice.sock");
}

TEST(TimeoutTest, HasAUnitOrMeansMilliseconds) {
  using std::chrono::milliseconds;
  EXPECT_EQ(ParseTimeout("250"), milliseconds(250));
  EXPECT_EQ(ParseTimeout("250ms"), milliseconds(250));
  EXPECT_EQ(ParseTimeout("1.5s"), milliseconds(1500));
  EXPECT_EQ(ParseTimeout("1"), milliseconds(1));
  EXPECT_EQ(ParseTimeout("3600s"), milliseconds(3'600'000));
  EXPECT_EQ(ParseTimeout("1m"), milliseconds(60'000));
  EXPECT_EQ(ParseTimeout("1 s"), milliseconds(1'000));
}

TEST(TimeoutTest, RefusesOtherText) {
  for (const char* text : {"", "s", "0", "-1", "0.5", "1x", "61m", "3600.001s", "nan", "inf"}) {
    EXPECT_EQ(ParseTimeout(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice::cli
