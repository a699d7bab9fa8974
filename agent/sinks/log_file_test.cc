#include "agent/sinks/log_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::sinks {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sluice-log-XXXXXX";
    directory_ = ::mkdtemp(name);
    options_.path = directory_ / "a.log";
    options_.clock = &clock_;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::unique_ptr<LogFile> Open() {
    auto file = LogFile::Open(options_);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  std::string Content(const std::string& suffix = "") const {
    std::stringstream text;
    text << std::ifstream(options_.path + suffix).rdbuf();
    return text.str();
  }
  bool Exists(const std::string& suffix) const { return fs::exists(options_.path + suffix); }
  mode_t Mode() const {
    struct stat info {};
    ::stat(options_.path.c_str(), &info);
    return info.st_mode & 07777;
  }

  fs::path directory_;
  FakeClock clock_{1'800'000'000'000'000'000};
  LogFileOptions options_;
};

TEST_F(LogFileTest, CreatesTheFileForItsOwnerAlone) {
  const mode_t old = ::umask(0);
  Open();
  ::umask(old);
  EXPECT_EQ(Mode(), 0600u);
}

TEST_F(LogFileTest, TightensAFileThatOthersCouldRead) {
  std::ofstream(options_.path) << "old\n";
  ::chmod(options_.path.c_str(), 0644);
  const auto file = Open();
  EXPECT_EQ(Mode(), 0600u);
  EXPECT_TRUE(file->loose_mode_warning().empty());
  EXPECT_TRUE(file->Write("new\n").status.ok());
  EXPECT_EQ(Content(), "old\nnew\n");
}

TEST_F(LogFileTest, WritesIntoAnotherOwnersFileOnlyWhereTold) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  std::ofstream(options_.path) << "";
  ASSERT_EQ(::chown(options_.path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(LogFile::Open(options_).status().code(), absl::StatusCode::kPermissionDenied);
  options_.allow_loose_mode = true;
  const auto file = Open();
  EXPECT_NE(file->loose_mode_warning().find("owner 12345"), std::string::npos);
}

TEST_F(LogFileTest, RefusesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(options_.path.c_str(), 0600), 0);
  EXPECT_FALSE(LogFile::Open(options_).ok());
}

TEST_F(LogFileTest, CutsTheZerosThatAPowerCutLeft) {
  std::ofstream(options_.path) << "one\ntwo\n" << std::string(200'000, '\0');
  const auto file = Open();
  EXPECT_EQ(Content(), "one\ntwo\n");
  EXPECT_TRUE(file->Write("three\n").status.ok());
  EXPECT_EQ(Content(), "one\ntwo\nthree\n");
}

TEST_F(LogFileTest, EndsALineThatAPowerCutTore) {
  std::ofstream(options_.path) << "one\ntw" << std::string(300, '\0');
  const auto file = Open();
  EXPECT_TRUE(file->Write("three\n").status.ok());
  EXPECT_EQ(Content(), "one\ntw\nthree\n");
}

TEST_F(LogFileTest, KeepsZerosWithinTheFile) {
  const std::string content = "one" + std::string(5, '\0') + "two\n";
  std::ofstream(options_.path) << content;
  Open();
  EXPECT_EQ(Content(), content);
}

TEST_F(LogFileTest, IsHeldByOneAgent) {
  auto first = Open();
  const auto second = LogFile::Open(options_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(second.status().message(), "another agent holds the log file " + options_.path);
  // Its own lock is not in its way.
  EXPECT_TRUE(first->Reopen().ok());
  first.reset();
  EXPECT_TRUE(LogFile::Open(options_).ok());
}

TEST_F(LogFileTest, CountsTheLinesWritten) {
  const auto file = Open();
  const auto result = file->Write("a\nb\nc\n");
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.lines, 3u);
  EXPECT_TRUE(file->Sync().ok());
}

TEST_F(LogFileTest, RotatesBeforeTheSizeIsExceeded) {
  options_.max_size = 8;
  options_.rotate_keep = 2;
  const auto file = Open();
  for (const char* line : {"one\n", "two\n", "three\n", "four\n", "five\n"}) {
    ASSERT_TRUE(file->Write(line).status.ok());
  }
  EXPECT_EQ(Content(), "five\n");
  EXPECT_EQ(Content(".1"), "four\n");
  EXPECT_EQ(Content(".2"), "three\n");
  EXPECT_FALSE(Exists(".3"));
  EXPECT_EQ(file->rotations(), 3u);
  EXPECT_TRUE(file->Sync().ok());
}

size_t OpenDescriptors() {
  return static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {}));
}

TEST_F(LogFileTest, HoldsFewRotatedFilesOpenThoughNobodySyncs) {
  options_.max_size = 1;
  const auto file = Open();
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(file->Write("line\n").status.ok());
  EXPECT_EQ(file->rotations(), 99u);
  EXPECT_LE(OpenDescriptors(), before + 9);
}

TEST_F(LogFileTest, KeepsALineLargerThanTheSizeWhole) {
  options_.max_size = 4;
  const auto file = Open();
  ASSERT_TRUE(file->Write("far too long\n").status.ok());
  EXPECT_EQ(Content(), "far too long\n");
  EXPECT_EQ(file->rotations(), 0u);
}

// However many lines come at once: what a rotated file holds is what a share of the log counts on.
TEST_F(LogFileTest, FillsAFileBeforeItIsRotated) {
  options_.max_size = 8;
  options_.rotate_keep = 9;
  const auto file = Open();
  ASSERT_TRUE(file->Write("one\n").status.ok());
  const auto result = file->Write("two\nthree\nfar too long\nsix\n");
  ASSERT_TRUE(result.status.ok());
  EXPECT_EQ(result.lines, 4u);
  EXPECT_EQ(Content(".3"), "one\ntwo\n");
  EXPECT_EQ(Content(".2"), "three\n");
  EXPECT_EQ(Content(".1"), "far too long\n");
  EXPECT_EQ(Content(), "six\n");
}

TEST_F(LogFileTest, GoesOnInTheSameFileWhereItCannotBeRenamed) {
  options_.max_size = 4;
  options_.rotate_keep = 1;
  fs::create_directories(options_.path + ".1/in the way");
  const auto file = Open();
  for (const char* lines : {"one\n", "two\nthree\n"}) {
    const auto result = file->Write(lines);
    EXPECT_TRUE(result.status.ok()) << result.status;
  }
  EXPECT_EQ(Content(), "one\ntwo\nthree\n");
  fs::remove_all(options_.path + ".1");
  ASSERT_TRUE(file->Write("four\n").status.ok());
  EXPECT_FALSE(Exists(".1")) << "it is tried again a minute later";
  clock_.now += 60'000'000'000;
  ASSERT_TRUE(file->Write("five\n").status.ok());
  EXPECT_EQ(Content(), "five\n");
  EXPECT_EQ(Content(".1"), "one\ntwo\nthree\nfour\n");
}

TEST_F(LogFileTest, RotatesByAgeOnceItIsReached) {
  options_.max_age = std::chrono::seconds(60);
  const auto file = Open();
  ASSERT_TRUE(file->Write("a\n").status.ok());
  clock_.now += 59'999'999'999;
  ASSERT_TRUE(file->Write("b\n").status.ok());
  EXPECT_FALSE(Exists(".1"));
  clock_.now += 1;
  ASSERT_TRUE(file->Write("c\n").status.ok());
  EXPECT_EQ(Content(".1"), "a\nb\n");
  EXPECT_EQ(Content(), "c\n");
}

TEST_F(LogFileTest, RemovesRotatedFilesBeyondALoweredNumber) {
  for (const char* suffix : {".1", ".2", ".3"}) std::ofstream(options_.path + suffix) << suffix;
  options_.max_size = 1;
  options_.rotate_keep = 1;
  const auto file = Open();
  ASSERT_TRUE(file->Write("a\n").status.ok());
  ASSERT_TRUE(file->Write("b\n").status.ok());
  EXPECT_EQ(Content(".1"), "a\n");
  EXPECT_FALSE(Exists(".2"));
  EXPECT_FALSE(Exists(".3"));
}

TEST_F(LogFileTest, KeepsNothingWhereNoneIsToBeKept) {
  options_.max_size = 1;
  options_.rotate_keep = 0;
  const auto file = Open();
  ASSERT_TRUE(file->Write("a\n").status.ok());
  ASSERT_TRUE(file->Write("b\n").status.ok());
  EXPECT_EQ(Content(), "b\n");
  EXPECT_FALSE(Exists(".1"));
}

TEST_F(LogFileTest, FollowsItsNameAfterARenameOrDeletion) {
  const auto file = Open();
  ASSERT_TRUE(file->Write("a\n").status.ok());
  fs::rename(options_.path, options_.path + ".moved");
  ASSERT_TRUE(file->Write("b\n").status.ok());
  EXPECT_EQ(Content(".moved"), "a\n");
  EXPECT_EQ(Content(), "b\n");
  fs::remove(options_.path);
  ASSERT_TRUE(file->Write("c\n").status.ok());
  EXPECT_EQ(Content(), "c\n");
  EXPECT_EQ(Mode(), 0600u);
  EXPECT_EQ(file->reopens(), 2u);
  EXPECT_EQ(file->replacements(), 2u);
  EXPECT_TRUE(file->Reopen().ok());
  EXPECT_EQ(file->replacements(), 2u);
}

TEST_F(LogFileTest, ReportsThatItCannotReopenAndWritesOnceItCan) {
  const auto file = Open();
  fs::rename(directory_, directory_.string() + ".away");
  const auto failed = file->Write("a\n");
  EXPECT_FALSE(failed.status.ok());
  EXPECT_EQ(failed.lines, 0u);
  fs::rename(directory_.string() + ".away", directory_);
  EXPECT_EQ(file->Write("a\n").lines, 1u);
  EXPECT_EQ(Content(), "a\n");
}

// Files may not grow beyond `bytes` while it lives, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_{};
};

TEST_F(LogFileTest, TakesATornLineBackAndSaysHowManyAreWhole) {
  const auto file = Open();
  {
    const FullDisk disk(10);
    const auto result = file->Write("one\ntwo\nthree\n");
    EXPECT_FALSE(result.status.ok());
    EXPECT_EQ(result.lines, 2u);
    EXPECT_EQ(Content(), "one\ntwo\n");
    EXPECT_EQ(file->Write("three\n").lines, 0u);
  }
  EXPECT_EQ(file->Write("three\n").lines, 1u);
  EXPECT_EQ(Content(), "one\ntwo\nthree\n");
}

TEST_F(LogFileTest, EndsATornLineThatItMayNotTakeBack) {
  const auto file = Open();
  ASSERT_TRUE(file->Write("one\n").status.ok());
  std::ofstream(options_.path, std::ios::app) << "theirs\n";
  {
    const FullDisk disk(14);
    EXPECT_EQ(file->Write("abcdef\n").lines, 0u);
    EXPECT_EQ(Content(), "one\ntheirs\nabc");
  }
  EXPECT_EQ(file->Write("abcdef\n").lines, 1u);
  EXPECT_EQ(Content(), "one\ntheirs\nabc\nabcdef\n");
}

}  // namespace
}  // namespace sluice::sinks
