#include "agent/journal/frames.h"

#include <cerrno>
#include <random>

#include "agent/journal/segment_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/faulty_file_system.h"

namespace sluice::journal {
namespace {

using ::testing::SizeIs;

constexpr size_t kLeast = 100;
constexpr uint32_t kCrcSeed = 7;

std::string Joined(const Frames& frames) {
  std::string joined;
  for (const std::string_view piece : frames.Pieces()) joined += piece;
  return joined;
}

FrameHeader HeaderOf(uint64_t sequence) {
  FrameHeader header;
  header.sequence = sequence;
  header.uid = 1000;
  header.generation = 5;
  return header;
}

// Entries of random pieces, some of them lent, beside the same entries written whole.
class RandomEntries {
 public:
  explicit RandomEntries(unsigned seed) : random_(seed) {}

  void Add() {
    std::string text;
    for (size_t size = UpTo(1000); size > 0; --size) text.push_back(Byte());
    const auto lender = std::make_shared<const std::string>(std::move(text));
    const std::string others(UpTo(2 * kLeast), Byte());
    std::vector<std::string_view> payload;
    for (size_t count = UpTo(5); count > 0; --count) {
      const std::string_view from = UpTo(2) == 0 ? others : *lender;
      const size_t begin = UpTo(from.size());
      payload.push_back(from.substr(begin, UpTo(from.size() - begin)));
    }
    const FrameHeader header = HeaderOf(++sequence_);
    std::string joined;
    for (const std::string_view piece : payload) joined += piece;
    AppendFrame(header, {joined}, kCrcSeed, &whole_);
    frames_.Append(header, payload, kCrcSeed, UpTo(4) == 0 ? nullptr : lender);
  }
  void Restamp() {
    const uint32_t generation = random_();
    frames_.Restamp(generation, kCrcSeed);
    journal::Restamp(generation, kCrcSeed, &whole_);
  }
  size_t UpTo(size_t most) { return random_() % (most + 1); }

  const Frames& frames() const { return frames_; }
  const std::string& whole() const { return whole_; }

 private:
  char Byte() { return static_cast<char>(random_()); }

  std::mt19937 random_;
  uint64_t sequence_ = 0;
  Frames frames_{{}, kLeast};
  std::string whole_;
};

TEST(FramesTest, EntriesOfPiecesAreThoseWrittenWhole) {
  size_t lent = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    RandomEntries entries(seed);
    for (size_t count = entries.UpTo(6); count > 0; --count) entries.Add();
    ASSERT_EQ(entries.frames().size(), entries.whole().size());
    ASSERT_EQ(Joined(entries.frames()), entries.whole());
    entries.Restamp();
    ASSERT_EQ(Joined(entries.frames()), entries.whole());
    lent += entries.frames().lent().size();
  }
  EXPECT_GT(lent, 2000u);
}

TEST(FramesTest, EntriesOfPiecesAreThoseWrittenWholeInAFileOfShortWrites) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    RandomEntries entries(seed);
    for (size_t count = 0; count < 5; ++count) entries.Add();
    for (const int error : {0, EINTR, FaultyFileSystem::kShortWrite}) {
      CrashFileSystem disk;
      FaultyFileSystem fs(&disk);
      const auto file = *SegmentFile::Create(fs, "/journal", 1, 5, "opening");
      if (error != 0) fs.FailCall(0, error);
      ASSERT_TRUE(file->Append(entries.frames()).ok());
      ASSERT_EQ(file->size(), 7 + entries.whole().size());
      ASSERT_EQ(disk.StateNow().at(file->segment()->path), "opening" + entries.whole());
    }
  }
}

TEST(FramesTest, BorrowsLongPiecesOfTheLenderAlone) {
  const auto lender = std::make_shared<const std::string>(1000, 'x');
  const std::string_view bytes = *lender;
  const std::string others(1000, 'y');
  Frames frames({}, kLeast);
  frames.Append(HeaderOf(1), {others, bytes.substr(0, kLeast - 1)}, kCrcSeed, lender);
  frames.Append(HeaderOf(2), {bytes}, kCrcSeed);
  EXPECT_THAT(frames.lent(), SizeIs(0));
  EXPECT_EQ(lender.use_count(), 1);
  frames.Append(HeaderOf(3), {others, bytes.substr(0, kLeast), bytes.substr(900)}, kCrcSeed,
                lender);
  ASSERT_THAT(frames.lent(), SizeIs(2));
  EXPECT_EQ(frames.lent()[0].bytes.data(), bytes.data());
  EXPECT_EQ(frames.lent()[1].bytes.data(), bytes.data() + 900);
  frames.TakeLent();
  EXPECT_EQ(lender.use_count(), 1);
}

}  // namespace
}  // namespace sluice::journal
