#include "agent/sinks/log/stderr_sink.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/records.h"

namespace sluice::log_sink {
namespace {

using std::chrono::seconds;

struct Ends {
  UniqueFd read, write;
};

Ends MakePipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends MakeSocket() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// More than a pipe or socket takes without a reader.
constexpr int kLines = 4000;

void AddLines(StderrSink* sink) {
  for (int i = 0; i < kLines; ++i) {
    const std::string event =
        testing::EventRecord(std::string(1000, 'x') + std::to_string(i)).SerializeAsString();
    const RecordView record = *ReadRecord(event);
    const live::Origin origin;
    stream::Delivery delivery;
    delivery.record = &record;
    delivery.origin = &origin;
    sink->Add(delivery);
  }
}

// Reads until `lines` line ends came.
std::string ReadLines(int fd, int lines) {
  std::string text;
  std::array<char, 65536> bytes;
  while (lines > 0) {
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count <= 0) break;
    const std::string_view more(bytes.data(), static_cast<size_t>(count));
    lines -= static_cast<int>(std::count(more.begin(), more.end(), '\n'));
    text.append(more);
  }
  return text;
}

class StderrSinkTest : public ::testing::TestWithParam<Ends (*)()> {
 protected:
  const Ends ends_ = GetParam()();
  Counters counters_;
  StderrSink sink_{lines::LineOptions{}, &counters_, ends_.write.get()};
};

TEST_P(StderrSinkTest, WritesAllOfItHoweverSlowlyItIsRead) {
  AddLines(&sink_);
  auto commit = std::async(std::launch::async, [&] { return sink_.Commit(); });
  const std::string text = ReadLines(ends_.read.get(), kLines);
  EXPECT_TRUE(commit.get().ok());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kLines);
  EXPECT_NE(text.find("x3999\n"), std::string::npos);
  EXPECT_EQ(sink_.pending_bytes(), 0u);
}

TEST_P(StderrSinkTest, CancelEndsTheWaitForAReader) {
  AddLines(&sink_);
  auto commit = std::async(std::launch::async, [&] { return sink_.Commit(); });
  sink_.Cancel();
  ASSERT_EQ(commit.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(commit.get().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(sink_.Commit().ok()) << "later calls do not wait either";
  EXPECT_GT(sink_.pending_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StderrSinkTest, ::testing::Values(&MakePipe, &MakeSocket));

}  // namespace
}  // namespace sluice::log_sink
