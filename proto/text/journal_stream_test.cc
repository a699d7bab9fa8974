#include "proto/text/journal_stream.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace sluice {
namespace {

class JournalStreamTest : public ::testing::Test {
 protected:
  JournalStreamTest() {
    EXPECT_EQ(::pipe(ends_), 0);
    struct stat info {};
    ::fstat(ends_[1], &info);
    own_ = std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino);
    other_ = std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino + 1);
  }
  ~JournalStreamTest() override {
    ::unsetenv("JOURNAL_STREAM");
    for (const int end : ends_) ::close(end);
  }

  int ends_[2];
  std::string own_;
  std::string other_;
};

TEST_F(JournalStreamTest, IsTheOneThatTheVariableNames) {
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(IsJournalStream(ends_[1]));
  for (const std::string& wrong : {other_, std::string(), own_ + "0", std::string("1:2:3")}) {
    ::setenv("JOURNAL_STREAM", wrong.c_str(), 1);
    EXPECT_FALSE(IsJournalStream(ends_[1])) << wrong;
  }
  ::setenv("JOURNAL_STREAM", own_.c_str(), 1);
  EXPECT_TRUE(IsJournalStream(ends_[1]));
  EXPECT_FALSE(IsJournalStream(-1));
}

TEST(JournalLineTest, HasAPriorityForEachLevel) {
  std::string line;
  for (const Level level :
       {Level::kError, Level::kWarn, Level::kInfo, Level::kDebug, Level::kTrace}) {
    AppendPriority(level, &line);
  }
  EXPECT_EQ(line, "<3><4><6><7><7>");
}

TEST(JournalLineTest, IsCutAtACodePointOnceItIsTooLong) {
  const std::string fits(47'999, 'x');
  std::string line = "before\n" + fits + '\n';
  CutForJournal(7, &line);
  EXPECT_EQ(line, "before\n" + fits + '\n');
  std::string text;
  while (text.size() < 60'000) text += "é";
  line = "before\n" + text + '\n';
  CutForJournal(7, &line);
  EXPECT_EQ(line, "before\n" + text.substr(0, 47'936) + "…[+12064 bytes]\n");
}

}  // namespace
}  // namespace sluice
