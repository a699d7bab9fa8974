#include "agent/journal/cursor_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kCursorPath[] = "/run/cursors";
constexpr uint32_t kSeed = 7;

class CursorFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<CursorFile> Open(uint32_t seed = kSeed) {
    auto file = CursorFile::Open(fs_, kCursorPath, seed);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  void Store(const std::string& sink, uint64_t sequence) {
    const auto file = Open();
    ASSERT_TRUE(file->Store(file->SlotOf(sink), sequence).ok());
  }

  CrashFileSystem fs_;
};

TEST_F(CursorFileTest, GivesBackTheLastCursorOfEachSink) {
  const auto file = Open();
  const int kvp = file->SlotOf("kvp");
  const int log = file->SlotOf("log");
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    ASSERT_TRUE(file->Store(kvp, sequence).ok());
    EXPECT_THAT(Open()->cursors(), ElementsAre(Pair("kvp", sequence)));
  }
  ASSERT_TRUE(file->Store(log, 9).ok());
  EXPECT_THAT(Open()->cursors(), ElementsAre(Pair("kvp", 5), Pair("log", 9)));
  EXPECT_EQ(Open()->SlotOf("log"), log);
}

TEST_F(CursorFileTest, KnowsNoCursorOfAnotherJournalOrBoot) {
  Store("kvp", 5);
  EXPECT_THAT(Open(kSeed + 1)->cursors(), IsEmpty());
}

TEST_F(CursorFileTest, FallsBackToTheCopyBeforeATornWrite) {
  Store("kvp", 5);
  Store("kvp", 6);
  DiskState state = fs_.StateNow();
  std::string& bytes = state[kCursorPath];
  const size_t second_copy = 64;
  bytes[second_copy + 48] ^= 1;
  CrashFileSystem torn(state);
  const auto file = CursorFile::Open(torn, kCursorPath, kSeed);
  ASSERT_TRUE(file.ok());
  EXPECT_THAT((*file)->cursors(), ElementsAre(Pair("kvp", 5)));
}

TEST_F(CursorFileTest, HasNoSlotForASeventeenthSink) {
  const auto file = Open();
  for (int i = 0; i < 16; ++i) {
    EXPECT_NE(file->SlotOf("sink" + std::to_string(i)), CursorFile::kNoSlot);
  }
  EXPECT_EQ(file->SlotOf("one more"), CursorFile::kNoSlot);
  EXPECT_NE(file->SlotOf("sink3"), CursorFile::kNoSlot);
}

}  // namespace
}  // namespace sluice::journal
