#include "agent/lines/line_budget.h"

#include "gtest/gtest.h"

namespace sluice::lines {
namespace {

constexpr uint64_t kMinute = 60'000'000'000;

class LineBudgetTest : public ::testing::Test {
 protected:
  // An entry of `bytes` whose records make `lines` lines of so many bytes; returns what was written
  // of them.
  int64_t Entry(uid_t uid, size_t bytes, int lines, size_t whole, size_t shortened) {
    live::Origin origin;
    origin.identity.uid = uid;
    stream::Delivery delivery;
    delivery.origin = &origin;
    delivery.sequence = ++sequence_;
    delivery.entry_bytes = bytes;
    delivery.received_unix_nano = now_;
    int64_t written = 0;
    for (int i = 0; i < lines; ++i) {
      const auto form = budget_.FormOf(delivery);
      size_t size = 0;
      if (!form.has_value()) {
        ++left_out_;
      } else if (*form == LineForm::kShort) {
        ++short_;
        size = shortened;
      } else {
        ++whole_;
        size = whole;
      }
      budget_.Charge(size);
      written += static_cast<int64_t>(size);
    }
    return written;
  }

  LineBudget budget_;
  uint64_t sequence_ = 0;
  uint64_t now_ = 1'800'000'000'000'000'000;
  int whole_ = 0;
  int short_ = 0;
  int left_out_ = 0;
};

TEST_F(LineBudgetTest, WhatIsWithinTheFactorStaysWhole) {
  for (int i = 0; i < 10'000; ++i) Entry(1000, 1000, 10, 800, 100);
  EXPECT_EQ(whole_, 100'000);
}

TEST_F(LineBudgetTest, BeyondTheAllowanceLinesAreShort) {
  // 100 bytes a record, lines of 2,000: each takes 1,200 more than it pays for.
  for (int i = 0; i < 1000; ++i) Entry(1000, 1000, 10, 2000, 100);
  EXPECT_EQ(left_out_, 0);
  EXPECT_GT(short_, 5000);
  EXPECT_GT(whole_, 400);
}

TEST_F(LineBudgetTest, NeverMoreThanTheFactorAndTheAllowance) {
  struct {
    size_t entry;
    int lines;
    size_t whole, shortened;
  } const kinds[] = {{4, 1, 2000, 200},
                     {40, 1, 2000, 150},
                     {49 * 25'000, 25'000, 2100, 80},
                     {2000, 1000, 3000, 100},
                     {100'000, 3, 600'000, 500'000}};
  for (const auto& kind : kinds) {
    budget_ = LineBudget();
    int64_t sent = 0;
    int64_t written = 0;
    while (written < 30'000'000 && sent < 30'000'000) {
      sent += static_cast<int64_t>(kind.entry);
      written += Entry(1000, kind.entry, kind.lines, kind.whole, kind.shortened);
      ASSERT_LE(written, 8 * sent + LineBudget::kAllowance + static_cast<int64_t>(kind.whole));
      if (sequence_ % 100'000 == 0) break;
    }
  }
  EXPECT_GT(left_out_, 0);
}

TEST_F(LineBudgetTest, WhatAnEntryDoesNotUseIsNotSaved) {
  Entry(1000, 10'000'000, 1, 100, 100);
  Entry(1000, 0, 1000, 2000, 100);
  EXPECT_GT(short_, 0);
}

TEST_F(LineBudgetTest, TheAllowanceComesBack) {
  Entry(1000, 0, 1, 2 * LineBudget::kAllowance, 0);
  Entry(1000, 0, 1, 0, 0);
  EXPECT_EQ(left_out_, 1);
  now_ += kMinute + kMinute / 4;
  Entry(1000, 0, 1, 0, 0);
  EXPECT_EQ(short_, 1);
  now_ += kMinute / 2;
  Entry(1000, 0, 1, 0, 0);
  EXPECT_EQ(whole_, 2);
  // A clock that goes back takes nothing.
  now_ -= 10 * kMinute;
  Entry(1000, 0, 1, 0, 0);
  EXPECT_EQ(whole_, 3);
}

TEST_F(LineBudgetTest, OneUsersExcessIsNotAnothers) {
  Entry(1000, 0, 1, 2 * LineBudget::kAllowance, 0);
  Entry(1001, 0, 1, 100, 100);
  EXPECT_EQ(whole_, 2);
  Entry(1000, 0, 1, 100, 100);
  EXPECT_EQ(left_out_, 1);
}

TEST_F(LineBudgetTest, RootsLinesAreWhole) {
  Entry(0, 0, 10, 2 * LineBudget::kAllowance, 0);
  EXPECT_EQ(whole_, 10);
}

TEST_F(LineBudgetTest, ForgetsWhoIsWithinBounds) {
  for (uid_t uid = 1; uid <= 5000; ++uid) {
    Entry(uid, 0, 1, 1000, 100);
    now_ += kMinute;
  }
  EXPECT_EQ(whole_, 5000);
}

}  // namespace
}  // namespace sluice::lines
