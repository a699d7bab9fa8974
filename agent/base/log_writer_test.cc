#include "agent/base/log_writer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/base/message_ids.h"
#include "gtest/gtest.h"
#include "proto/base/unique_fd.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

LogWriter::Clock::time_point In(milliseconds delay) { return LogWriter::Clock::now() + delay; }

class LogWriterTest : public ::testing::Test {
 protected:
  LogWriterTest() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    read_end_.reset(fds[0]);
    write_end_.reset(fds[1]);
    writer_.emplace(write_end_.get());
  }

  // A line of junk that leaves no room in the pipe.
  void FillPipe() {
    const int size = ::fcntl(write_end_.get(), F_SETPIPE_SZ, 4096);
    std::string junk(static_cast<size_t>(size), 'x');
    junk.back() = '\n';
    EXPECT_EQ(::write(write_end_.get(), junk.data(), junk.size()), size);
  }

  // A number, in a message of some length.
  void Log(int number) {
    writer_->Add(LogPriority::kInfo, absl::StrCat(number, std::string(1000, ' ')));
  }

  // Without its newline.
  std::string ReadLine() {
    std::string line;
    char byte;
    while (::read(read_end_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }

  UniqueFd read_end_;
  UniqueFd write_end_;
  std::optional<LogWriter> writer_;
};

TEST_F(LogWriterTest, WritesInOrderAndFlushWaitsForIt) {
  for (const char* text : {"a", "b", "c"}) writer_->Add(LogPriority::kInfo, text);
  ASSERT_TRUE(writer_->Flush(In(seconds(20))));
  for (const char* text : {"a", "b", "c"}) {
    EXPECT_EQ(ReadLine(), absl::StrCat("sluiced: info: ", text));
  }
  EXPECT_EQ(writer_->dropped(), 0u);
}

TEST_F(LogWriterTest, DropsWhatIsTooMuchForAPipeThatNobodyReadsAndSaysHowMuch) {
  FillPipe();
  int logged = 0;
  while (writer_->dropped() < 10) Log(logged++);
  EXPECT_FALSE(writer_->Flush(In(milliseconds(1))));

  ReadLine();
  uint64_t told = 0;
  for (int expected = 0; expected < logged;) {
    const std::string line = ReadLine();
    int number = 0;
    if (std::sscanf(line.c_str(), "sluiced: warning: %d messages are missing", &number) == 1) {
      told += static_cast<uint64_t>(number);
      expected += number;
    } else {
      ASSERT_EQ(std::sscanf(line.c_str(), "sluiced: info: %d", &number), 1) << line;
      ASSERT_EQ(number, expected++);
    }
  }
  EXPECT_EQ(told, 10u);
  writer_->Add(LogPriority::kError, "after");
  EXPECT_EQ(ReadLine(), "sluiced: error: after");
  EXPECT_TRUE(writer_->Flush(In(seconds(20))));
  EXPECT_EQ(writer_->dropped(), 10u);
}

TEST_F(LogWriterTest, SaysThatASingleMessageWasTooLarge) {
  writer_->Add(LogPriority::kInfo, std::string(LogWriter::kMaxBytes, 'x'));
  EXPECT_EQ(ReadLine(),
            "sluiced: warning: 1 messages are missing here, too many waited for stderr");
}

TEST_F(LogWriterTest, CountsWhatCannotBeWritten) {
  std::signal(SIGPIPE, SIG_IGN);
  read_end_.reset();
  writer_->Add(LogPriority::kInfo, "a");
  EXPECT_TRUE(writer_->Flush(In(seconds(20))));
  EXPECT_EQ(writer_->dropped(), 1u);
}

// The other end of the writer is journald's stream, and journald's socket is `journald_`.
class LogToJournaldTest : public LogWriterTest {
 protected:
  LogToJournaldTest() {
    struct stat stream;
    EXPECT_EQ(::fstat(write_end_.get(), &stream), 0);
    ::setenv("JOURNAL_STREAM", absl::StrCat(stream.st_dev, ":", stream.st_ino).c_str(), 1);
    writer_.emplace(write_end_.get(), path_);
  }
  ~LogToJournaldTest() override { ::unsetenv("JOURNAL_STREAM"); }

  void Listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    journald_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(journald_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }

  std::string ReceiveRecord() {
    EXPECT_TRUE(writer_->Flush(In(seconds(20))));
    char bytes[1024];
    const ssize_t size = ::recv(journald_.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(bytes, static_cast<size_t>(size));
  }

  testing::TempDirectory directory_;
  const std::string path_ = directory_.path() + "/journald";
  UniqueFd journald_;
};

TEST_F(LogToJournaldTest, AMessageWithAnIdGoesThereAndAnyOtherToTheStream) {
  Listen();
  writer_->Add(LogPriority::kWarning, "explained", kSinkFails);
  writer_->Add(LogPriority::kWarning, "plain");
  EXPECT_EQ(ReceiveRecord(), FormatJournaldRecord(LogPriority::kWarning, "explained", kSinkFails));
  EXPECT_EQ(ReadLine(), "<4>sluiced: plain");
}

TEST_F(LogToJournaldTest, WithoutJournaldAllGoesToTheStream) {
  writer_->Add(LogPriority::kWarning, "explained", kSinkFails);
  EXPECT_EQ(ReadLine(), "<4>sluiced: explained");
}

}  // namespace
}  // namespace sluice
