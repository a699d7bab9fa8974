#include "agent/journal/read_window.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::journal {
namespace {

constexpr size_t kUsual = ReadWindow::kUsualBytes;

// Of a file whose bytes are told from each other by their offsets.
class ReadWindowTest : public ::testing::Test {
 protected:
  static char ByteAt(uint64_t offset) { return static_cast<char>(offset % 251); }
  static std::string Bytes(uint64_t offset, size_t size) {
    std::string bytes;
    for (uint64_t at = offset; at < offset + size; ++at) bytes.push_back(ByteAt(at));
    return bytes;
  }

  // As who reads does: moves, and reads what is missing. Returns how much that is.
  size_t Read(uint64_t offset, size_t size) {
    window_.MoveTo(offset, size, true);
    const size_t missing = size - window_.size();
    const std::string bytes = Bytes(offset + window_.size(), missing);
    bytes.copy(window_.end(), missing);
    window_.Append(missing);
    EXPECT_TRUE(window_.Holds(offset, size));
    EXPECT_EQ(window_.At(offset, size), Bytes(offset, size));
    return missing;
  }

  ReadWindow window_;
};

TEST_F(ReadWindowTest, KeepsWhatItHasOfWhatIsRead) {
  EXPECT_FALSE(window_.Holds(0, 1));
  EXPECT_EQ(Read(1000, kUsual), kUsual);
  EXPECT_FALSE(window_.Holds(999, 1));
  EXPECT_FALSE(window_.Holds(1000, kUsual + 1));
  EXPECT_EQ(Read(1000 + kUsual - 10, kUsual), kUsual - 10);
  EXPECT_EQ(Read(1000 + kUsual - 10, 3 * kUsual), 2 * kUsual) << "it grows";
  EXPECT_EQ(Read(50, 100), 100u) << "back";
  window_.MoveTo(60, 50, false);
  EXPECT_EQ(window_.size(), 0u);
}

TEST_F(ReadWindowTest, StaysInOneBlockWhileNobodyHoldsIt) {
  Read(0, kUsual);
  const Block* const block = window_.block().get();
  for (uint64_t at = 0; at < 20 * kUsual; at += kUsual - 100) Read(at, kUsual);
  EXPECT_EQ(window_.block().get(), block);
  EXPECT_EQ(block->capacity(), kUsual);
}

TEST_F(ReadWindowTest, LeavesAloneWhatIsHeld) {
  struct Kept {
    uint64_t offset;
    std::string_view view;
    SharedBlock block;
  };
  std::vector<Kept> kept;
  size_t blocks = 0;
  for (uint64_t at = 0; at < 20 * kUsual; at += kUsual - 1000) {
    Read(at, kUsual);
    blocks += kept.empty() || kept.back().block != window_.block();
    kept.push_back({at, window_.At(at, kUsual), window_.block()});
  }
  for (const Kept& one : kept) {
    ASSERT_EQ(one.view, Bytes(one.offset, kUsual)) << one.offset;
  }
  EXPECT_LE(blocks, 8u) << "several reads go to one block";
  kept.clear();
  const Block* const last = window_.block().get();
  for (uint64_t at = 0; at < 20 * kUsual; at += kUsual) Read(at, kUsual);
  EXPECT_EQ(window_.block().get(), last) << "and again once nobody holds it";
}

TEST_F(ReadWindowTest, DoesNotKeepTheRoomOfALargeEntry) {
  Read(0, 8 << 20);
  Read(0, kUsual);
  EXPECT_EQ(window_.block()->capacity(), kUsual);
}

}  // namespace
}  // namespace sluice::journal
