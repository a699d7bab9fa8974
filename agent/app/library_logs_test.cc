#include "agent/app/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/match.h"

namespace sluice::app {
namespace {

class LibraryLogsTest : public ::testing::Test {
 protected:
  LibraryLogsTest() { TakeOverLibraryLogs(); }
};

TEST_F(LibraryLogsTest, ProtobufsMessagesGoToOurLogEverMoreRarely) {
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; ++i) GOOGLE_LOG(ERROR) << "field is not UTF-8";
  const std::string log = ::testing::internal::GetCapturedStderr();
  int lines = 0;
  for (const char c : log) lines += c == '\n';
  EXPECT_EQ(lines, 10) << log;  // 1, 2, 4, ... 512
  EXPECT_TRUE(
      absl::StartsWith(log, "sluiced: warning: libprotobuf: field is not UTF-8 (its message 1)\n"))
      << log;
  EXPECT_TRUE(absl::EndsWith(log, "(its message 512)\n")) << log;
}

TEST_F(LibraryLogsTest, AbslSaysNothingUnlessItEndsTheProcess) {
  ::testing::internal::CaptureStderr();
  ABSL_RAW_LOG(ERROR, "bad %d", 1);
  ABSL_INTERNAL_LOG(WARNING, "bad");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_DEATH(ABSL_RAW_LOG(FATAL, "broken %d", 2),
               "sluiced: error: absl: .*library_logs_test.cc:[0-9]+: broken 2");
}

}  // namespace
}  // namespace sluice::app
