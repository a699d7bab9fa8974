#include "agent/base/log.h"

#include "absl/strings/str_cat.h"
#include "agent/base/message_ids.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(LogTest, NamesThePriorityInWordsOutsideTheJournal) {
  EXPECT_EQ(FormatLogLine(LogPriority::kWarning, "pool is missing", false),
            "sluiced: warning: pool is missing\n");
}

TEST(LogTest, NamesThePriorityByNumberForTheJournal) {
  EXPECT_EQ(FormatLogLine(LogPriority::kError, "x", true), "<3>sluiced: x\n");
}

TEST(LogTest, EscapesControlCharactersSoThatOneMessageIsOneLine) {
  EXPECT_EQ(FormatLogLine(LogPriority::kInfo, "a\nb\x1b[0m\x7f", false),
            "sluiced: info: a\\nb\\x1b[0m\\x7f\n");
}

TEST(LogTest, AMessageWithAnIdIsARecordOfFields) {
  EXPECT_EQ(FormatJournaldRecord(LogPriority::kWarning, "a\nMESSAGE_ID=b", kSinkFails),
            absl::StrCat("PRIORITY=4\nSYSLOG_IDENTIFIER=sluiced\nMESSAGE_ID=", kSinkFails,
                         "\nMESSAGE=sluiced: a\\nMESSAGE_ID=b\n"));
}

}  // namespace
}  // namespace sluice
