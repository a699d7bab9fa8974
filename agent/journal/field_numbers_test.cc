#include "tests/support/field_numbers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/disk/v1/journal.pb.h"

namespace sluice::journal {
namespace {

TEST(JournalFieldNumbersTest, AreThoseOfTheGeneratedMessages) {
  ASSERT_NE(disk::v1::JournalBatch::descriptor(), nullptr);  // links its file in
  const testing::FieldNumbers numbers = testing::CompareFieldNumbers(SLUICE_JOURNAL_FIELD_NUMBERS);
  EXPECT_THAT(numbers.wrong, ::testing::IsEmpty());
  EXPECT_GT(numbers.constants, 20);
}

}  // namespace
}  // namespace sluice::journal
