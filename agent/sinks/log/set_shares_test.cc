#include "agent/sinks/log/set_shares.h"

#include <map>

#include "gtest/gtest.h"

namespace sluice::log_sink {
namespace {

constexpr uint64_t kSize = 1'000'000;
constexpr uint32_t kKept = 4;
constexpr uint64_t kLimit = 3'000'000;
// What each of 64 users has for itself, and what all share beyond it.
constexpr uint64_t kSmall = kLimit / 4 / 64;
constexpr uint64_t kRest = kLimit / 4 * 3;
constexpr size_t kLine = 100;
constexpr uint64_t kDay = 86'400'000'000'000;

// A set of files as LogFile fills and rotates them, who wrote what in it, and what was lost.
class Set {
 public:
  // False: the line was cut.
  bool Write(uid_t uid, size_t bytes = kLine) {
    if (!shares.MayWrite(uid) || !shares.Add(uid, bytes)) return false;
    if (size_ + bytes > kSize) {
      ++rotations_;
      size_ = 0;
    }
    size_ += bytes;
    files_[rotations_][uid] += bytes;
    shares.Written(rotations_);
    return true;
  }
  // As much as may be written, at most `lines`.
  uint64_t Flood(uid_t uid, int lines = 1'000'000) {
    uint64_t bytes = 0;
    for (int i = 0; i < lines && Write(uid); ++i) bytes += kLine;
    return bytes;
  }
  uint64_t BytesOf(uid_t uid) {
    uint64_t bytes = 0;
    for (auto& [number, file] : files_) {
      if (number + kKept >= rotations_) bytes += file[uid];
    }
    return bytes;
  }
  uint64_t rotations() const { return rotations_; }

  SetShares shares{kSize, kKept};

 private:
  std::map<uint64_t, std::map<uid_t, uint64_t>> files_;
  uint64_t rotations_ = 0;
  uint64_t size_ = 0;
};

TEST(SetSharesTest, TheLimitLeavesAQuarterOfTheRotatedFiles) {
  EXPECT_EQ(SetLimit(kSize, kKept), kLimit);
  EXPECT_EQ(SetLimit(kSize, 0), kSize / 4 * 3);
  EXPECT_EQ(SetLimit(0, kKept), 0u);
}

TEST(SetSharesTest, OneUserAloneGetsItsSmallPartAndHalfOfTheRest) {
  Set set;
  EXPECT_NEAR(static_cast<double>(set.Flood(1000)), kSmall + kRest / 2, 2 * kLine);
  EXPECT_FALSE(set.Write(1000));
  EXPECT_EQ(set.Flood(0, 100), 100 * kLine);
}

TEST(SetSharesTest, GreedyOnesShareAndANewcomerFindsRoom) {
  Set set;
  for (int turn = 0; turn < 100'000; ++turn) {
    for (uid_t uid = 1; uid <= 30; ++uid) set.Write(uid);
  }
  for (uid_t uid = 1; uid <= 30; ++uid) {
    EXPECT_NEAR(static_cast<double>(set.BytesOf(uid)), kSmall + kRest / 31, 2 * kLine) << uid;
  }
  EXPECT_GE(set.Flood(31), kSmall + kRest / 31 / 2 - kLine);
}

TEST(SetSharesTest, AfterFloodsInARowAQuietUsersLinesAreAllWritten) {
  Set set;
  for (uid_t uid = 1; uid <= 30; ++uid) set.Flood(uid);
  constexpr size_t kQuietLine = 50;
  static_assert(200 * kQuietLine <= kSmall);
  for (int line = 0; line < 200; ++line) EXPECT_TRUE(set.Write(900, kQuietLine)) << line;
}

TEST(SetSharesTest, ALongLineDoesNotTakeMoreThanThereIs) {
  Set set;
  for (uid_t uid = 1; uid <= 63; ++uid) set.Flood(uid);
  EXPECT_FALSE(set.Write(900, kRest));
  EXPECT_TRUE(set.Write(900)) << "a line that fits its small part";
  EXPECT_FALSE(set.Write(1, kSmall));
}

TEST(SetSharesTest, AFloodIsCutAtTheFirstLineThatDoesNotFitUntilTheNextCommit) {
  Set set;
  set.Flood(1000);
  const uint64_t left = kSmall + kRest / 2 - set.BytesOf(1000);
  ASSERT_LT(left, kLine);
  ASSERT_GT(left, 0u);
  EXPECT_FALSE(set.Write(1000));
  EXPECT_FALSE(set.shares.MayWrite(1000));
  set.shares.Written(set.rotations());
  EXPECT_TRUE(set.shares.MayWrite(1000));
}

TEST(SetSharesTest, NobodysLineIsDisplacedByFloods) {
  for (const uid_t users : {1u, 2u, 30u}) {
    Set set;
    set.Flood(0, 100);
    set.Flood(900, 50);
    for (int turn = 0; turn < 100'000; ++turn) {
      for (uid_t uid = 1000; uid < 1000 + users; ++uid) set.Write(uid);
      if (turn % 100 == 0) set.Write(0);
      if (turn % 1000 == 0) set.Write(900);
    }
    EXPECT_EQ(set.BytesOf(0), (100u + 1000u) * kLine) << users;
    EXPECT_EQ(set.BytesOf(900), (50u + 100u) * kLine) << users;
  }
}

TEST(SetSharesTest, WhatIsCutHasNothingRotated) {
  Set set;
  set.Flood(1000);
  const uint64_t before = set.rotations();
  set.Flood(1000);
  EXPECT_EQ(set.rotations(), before);
}

TEST(SetSharesTest, AFileThatGoesGivesItsBytesBack) {
  Set set;
  set.Flood(1000);
  for (int i = 0; set.BytesOf(1000) > 0; ++i) {
    set.Write(0, kSize);
    ASSERT_LT(i, 10);
  }
  EXPECT_NEAR(static_cast<double>(set.Flood(1000)), kSmall + kRest / 2, 2 * kLine);
}

TEST(SetSharesTest, AfterADayHalfOfItIsForgotten) {
  Set set;
  set.shares.Age(1);
  set.Flood(1000);
  set.shares.Age(1 + kDay);
  EXPECT_NEAR(static_cast<double>(set.Flood(1000)), (kSmall + kRest / 2) / 2, 2 * kLine);
}

TEST(SetSharesTest, AFileThatIsMovedAwayGivesItsBytesBack) {
  Set set;
  set.Flood(1000);
  const uint64_t current = set.BytesOf(1000) % kSize;
  set.shares.FileReplaced();
  EXPECT_NEAR(static_cast<double>(set.Flood(1000)), current, 2 * kLine);
}

TEST(SetSharesTest, TellsOnceOfAUserInAFileAndOfSoMany) {
  Set set;
  EXPECT_TRUE(set.shares.TellsOf(1));
  EXPECT_FALSE(set.shares.TellsOf(1));
  for (uid_t uid = 2; uid <= kSize / (16 * 1024); ++uid) EXPECT_TRUE(set.shares.TellsOf(uid));
  EXPECT_FALSE(set.shares.TellsOf(1000));
  set.Write(0, kSize);
  set.Write(0, kSize);
  EXPECT_TRUE(set.shares.TellsOf(1));
}

TEST(SetSharesTest, WithoutALimitNobodyIsCut) {
  SetShares shares(0, kKept);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(shares.MayWrite(1000));
    shares.Add(1000, kSize);
  }
}

TEST(SetSharesTest, OutlivesTheAgentWithinItsBoot) {
  Set set;
  set.shares.Age(5);
  set.Flood(1000);
  set.Flood(1001, 200);
  SetShares next(kSize, kKept);
  EXPECT_TRUE(next.Restore(set.shares.Encode(), 6));
  EXPECT_FALSE(next.MayWrite(1000));
  EXPECT_TRUE(next.MayWrite(1001));
  EXPECT_TRUE(next.MayWrite(1002));
  EXPECT_EQ(next.Encode().size(), set.shares.Encode().size());

  SetShares rebooted(kSize, kKept);
  EXPECT_FALSE(rebooted.Restore(set.shares.Encode(), 4));
  EXPECT_TRUE(rebooted.MayWrite(1000));
}

TEST(SetSharesTest, TakesNothingFromWhatItDidNotWrite) {
  for (const char* text :
       {"", "2 5\n", "1\n", "1 x\n", "1 5\n0 1\n", "1 5\n0 1 -3\n", "1 5\na b c\n"}) {
    SetShares shares(kSize, kKept);
    EXPECT_FALSE(shares.Restore(text, 10)) << text;
    EXPECT_TRUE(shares.MayWrite(1)) << text;
  }
}

}  // namespace
}  // namespace sluice::log_sink
