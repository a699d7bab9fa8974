#include "agent/base/file_system.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include <filesystem>

#include "agent/base/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::UnorderedElementsAre;

class FileSystemTest : public ::testing::Test {
 protected:
  FileSystemTest() {
    char pattern[] = "/tmp/sluice_fs_XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  ~FileSystemTest() override { std::filesystem::remove_all(directory_); }

  FileSystem& fs_ = FileSystem::System();
  std::string directory_;
};

TEST_F(FileSystemTest, ReadsBackWhatItWroteUpToTheEndOfTheFile) {
  const auto file = OpenFile(fs_, directory_ + "/file", O_RDWR | O_CREAT);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(WriteAll(fs_, file->get(), "hello", 3).ok());
  char bytes[16];
  const auto got = ReadAt(fs_, file->get(), bytes, sizeof(bytes), 3);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::string(bytes, *got), "hello");
  EXPECT_EQ(fs_.FileSize(file->get()), 8);
}

TEST_F(FileSystemTest, WritesMorePiecesThanOneCallTakes) {
  const auto file = OpenFile(fs_, directory_ + "/file", O_RDWR | O_CREAT);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<std::string> words;
  for (int i = 0; i < 3 * IOV_MAX; ++i) words.push_back(std::to_string(i));
  words[1].clear();
  std::string joined;
  for (const std::string& word : words) joined += word;
  ASSERT_TRUE(WriteAll(fs_, file->get(), {words.begin(), words.end()}, 3).ok());
  std::string bytes(joined.size() + 1, ' ');
  const auto got = ReadAt(fs_, file->get(), bytes.data(), bytes.size(), 3);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(bytes.substr(0, *got), joined);
}

TEST_F(FileSystemTest, NamesThePathThatCouldNotBeOpened) {
  const auto file = OpenFile(fs_, directory_ + "/missing", O_RDONLY);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(file.status().message()), ::testing::HasSubstr(directory_ + "/missing"));
}

TEST_F(FileSystemTest, ListsRenamesAndUnlinks) {
  for (const char* name : {"/a", "/b"}) {
    ASSERT_TRUE(OpenFile(fs_, directory_ + name, O_RDWR | O_CREAT).ok());
  }
  ASSERT_EQ(fs_.Rename(directory_ + "/a", directory_ + "/c"), 0);
  ASSERT_EQ(fs_.Unlink(directory_ + "/b"), 0);
  ASSERT_EQ(fs_.Mkdir(directory_ + "/d", 0700), 0);
  ASSERT_TRUE(SyncDirectory(fs_, directory_).ok());
  std::vector<std::string> names;
  ASSERT_EQ(fs_.List(directory_, &names), 0);
  EXPECT_THAT(names, UnorderedElementsAre("c", "d"));
}

TEST(RetryAfterTest, IsCarriedByTheStatusThatRefuses) {
  const absl::Status refused =
      WithRetryAfter(absl::UnavailableError("full"), std::chrono::milliseconds(250));
  EXPECT_EQ(RetryAfter(refused), std::chrono::milliseconds(250));
  EXPECT_EQ(RetryAfter(absl::UnavailableError("full")), std::nullopt);
}

}  // namespace
}  // namespace sluice
