#include "client/cli/render/tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "client/cli/render/tree_json.h"
#include "tests/support/client/trace_records.h"

namespace sluice::cli {
namespace {

TEST(TreeTest, ShowsSpansUnderTheirParentsInOrderOfTime) {
  Records records;
  records.Start('a', 0, 0).Whole('c', 'a', 500, 600).Whole('b', 'a', 100, 400);
  records.Whole('d', 'b', 150, 160).Event('b', 200, "half-way").End('a', 1200);
  EXPECT_EQ(records.Tree(),
            "a  1.20 s  uid 1000  pid 7\n"
            "|- b  300 ms\n"
            "|  |- d  10.0 ms\n"
            "|  `- 09:57:53.200000  INFO  half-way\n"
            "`- c  100 ms\n");
}

TEST(TreeTest, CountsInItsFirstLine) {
  Records records;
  records.Start('a', 0, 0).Event('a', 1, "x").Whole('b', 'a', 0, 1).Start('c', 'a', 2);
  records.End('c', 3, "process gone").Synthetic();
  EXPECT_EQ(
      records.Headline(),
      "trace 11111111111111111111111111111111  2025-11-20T09:57:53.000000Z  3 spans, 1 event, "
      "1 error, 1 aborted, 1 open");
}

TEST(TreeTest, KeepsBothOfTwoOverlappingSpans) {
  Records records;
  records.Start('a', 0, 0).Start('b', 'a', 10).Start('c', 'a', 20).End('b', 500).End('c', 400);
  records.End('a', 600);
  EXPECT_EQ(records.Tree(),
            "a  600 ms  uid 1000  pid 7\n"
            "|- b  490 ms\n"
            "`- c  380 ms\n");
}

TEST(TreeTest, ShowsErrorsWithTheirMessage) {
  Records records;
  records.Start('a', 0, 0).End('a', 5, "exit status 2\x1b[2J");
  EXPECT_EQ(records.Tree(), "a  5.00 ms  ERROR exit status 2\\u{1b}[2J  uid 1000  pid 7\n");
}

TEST(TreeTest, GivesAnOpenSpanNoDuration) {
  EXPECT_EQ(Records().Start('a', 0, 250).Tree(),
            "a  open since 09:57:53.250000  uid 1000  pid 7\n");
}

TEST(TreeTest, MarksASpanWhoseProcessIsGone) {
  Records records;
  records.Start('a', 0, 0).From(1000, 7).End('a', 80, "aborted: signal 9 (SIGKILL)").Synthetic();
  EXPECT_EQ(records.Tree(), "a  80.0 ms  aborted: signal 9 (SIGKILL)  uid 1000  pid 7\n");
}

TEST(TreeTest, GivesAnEndWithoutStartNoDuration) {
  EXPECT_EQ(Records().End('a', 80).Tree(),
            "(no name) 0000000000000061  uid 1000  pid 7  (start not seen)\n");
}

TEST(TreeTest, GivesAClockThatWasSetBackNoDuration) {
  EXPECT_EQ(Records().Whole('a', 0, 500, 400).Tree(),
            "a  uid 1000  pid 7  (ends before it starts: the clock was set back)\n");
}

TEST(TreeTest, SaysThatAParentWasNotSeen) {
  EXPECT_EQ(Records().Whole('b', 'a', 0, 1).Tree(),
            "b  1.00 ms  uid 1000  pid 7  (parent not seen)\n");
}

TEST(TreeTest, ShowsEventsOfUnknownSpansAtTheRoot) {
  EXPECT_EQ(Records().Event('a', 0, "lost", v1::LEVEL_WARN).Tree(),
            "09:57:53.000000  WARN  lost  (span not seen)  uid 1000  pid 7\n");
}

TEST(TreeTest, TellsWhoWhereThatChanges) {
  Records records;
  records.From(0, 1, "init").Start('a', 0, 0);
  records.From(0, 2, "init").Whole('b', 'a', 1, 2);
  records.From(1000, 3, "job").Whole('c', 'b', 1, 2);
  records.last().mutable_identity()->set_unit("job.service");
  EXPECT_EQ(records.Tree(),
            "a  open since 09:57:53.000000  uid 0  pid 1  init\n"
            "`- b  1.00 ms  pid 2\n"
            "   `- c  1.00 ms  uid 1000  pid 3  job  job.service\n");
}

TEST(TreeTest, TellsWhoSentAnEventIntoASpanOfAnothers) {
  Records records;
  records.From(0, 1).Start('a', 0, 0).Event('a', 1, "own");
  records.From(1000, 3, "job").Event('a', 2, "another's");
  EXPECT_EQ(records.Tree(),
            "a  open since 09:57:53.000000  uid 0  pid 1\n"
            "|- 09:57:53.001000  INFO  own\n"
            "`- 09:57:53.002000  INFO  another's  uid 1000  pid 3  job\n");
}

TEST(TreeTest, TellsSpansOfOneIdAndTwoUsersApart) {
  Records records;
  records.From(1000, 7).Start('a', 0, 0).Start('b', 'a', 10);
  records.From(1001, 8).End('a', 5, "forged").Start('c', 'a', 1);
  records.From(1000, 7).End('b', 20).End('a', 30);
  EXPECT_EQ(records.Tree(),
            "a  30.0 ms  uid 1000  pid 7\n"
            "`- b  10.0 ms\n"
            "(no name) 0000000000000061  ERROR forged  uid 1001  pid 8  (start not seen)\n"
            "`- c  open since 09:57:53.001000\n");
}

TEST(TreeTest, CountsARecordThatWasStoredTwiceOnce) {
  Records records;
  records.Start('a', 0, 0);
  auto* const attribute = records.span()->add_attributes();
  attribute->set_key("k");
  records.Again().End('a', 10).Again();
  EXPECT_EQ(records.Tree(), "a  10.0 ms  uid 1000  pid 7\n");
  EXPECT_EQ(records.Json().find("\"k\"", records.Json().find("\"k\"") + 1), std::string::npos);
}

TEST(TreeTest, ShowsLoopsOnce) {
  Records records;
  records.Whole('a', 'b', 0, 1).Whole('b', 'c', 1, 2).Whole('c', 'a', 2, 3).Whole('d', 'd', 3, 4);
  records.Whole('e', 'c', 4, 5);
  EXPECT_EQ(records.Tree(),
            "c  1.00 ms  uid 1000  pid 7  (its parent is its own descendant)\n"
            "|- b  1.00 ms\n"
            "|  `- a  1.00 ms\n"
            "`- e  1.00 ms\n"
            "d  1.00 ms  uid 1000  pid 7  (its parent is its own descendant)\n");
}

TEST(TreeTest, ShowsTheEventsThatASpanCarries) {
  Records records;
  records.Whole('a', 0, 0, 10);
  auto* const event = records.span()->add_events();
  event->set_name("cache miss");
  event->set_time_unix_nano(kBegin);
  auto* const attribute = event->add_attributes();
  attribute->set_key("url");
  attribute->mutable_value()->set_string_value("http://a b\n");
  EXPECT_EQ(records.Tree(),
            "a  10.0 ms  uid 1000  pid 7\n"
            "`- 09:57:53.000000  INFO  cache miss url=\"http://a b\\n\"\n");
}

TEST(TreeTest, SurvivesADeepTrace) {
  Records records;
  constexpr int kDepth = 20'000;
  for (int i = 0; i < kDepth; ++i) {
    records.Whole('x', 0, 0, 1);
    const auto id = [](int number) {
      std::string bytes(8, '\1');
      std::memcpy(bytes.data(), &number, sizeof(number));
      return bytes;
    };
    records.span()->set_span_id(id(i));
    if (i > 0) records.span()->set_parent_span_id(id(i - 1));
  }
  const std::string tree = records.Tree();
  EXPECT_EQ(std::count(tree.begin(), tree.end(), '\n'), kDepth);
  EXPECT_NE(tree.find("(depth 19999) x"), std::string::npos);
  EXPECT_LT(tree.size(), size_t{200} * kDepth);
}

TEST(TreeTest, DrawsLinesWhereTheTerminalCan) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 1, 2).Whole('c', 'b', 1, 2).Whole('d', 'a', 3, 4);
  const std::string tree = records.Styled({.unicode = true});
  EXPECT_NE(tree.find("\u251c\u2500 b  1.00 ms\n\u2502  \u2514\u2500 c  1.00 ms\n"
                      "\u2514\u2500 d  1.00 ms\n"),
            std::string::npos);
}

TEST(TreeTest, UsesColorOnlyWhenAsked) {
  Records records;
  records.Start('a', 0, 0).End('a', 1, "bad");
  EXPECT_EQ(records.Styled({}).find('\x1b'), std::string::npos);
  EXPECT_NE(records.Styled({.color = true}).find("\x1b[31mERROR bad\x1b[0m"), std::string::npos);
}

TEST(TreeTest, IsOneLineWithoutRecords) {
  EXPECT_EQ(RenderTree(BuildTrace({}), {}), "trace   0 spans, 0 events\n");
}

TEST(TreeJsonTest, HoldsEverySpanInOrderOfTheTree) {
  Records records;
  records.From(1000, 7, "svc").Start('a', 0, 0).Event('a', 5, "hi").Event(0, 6, "outside");
  EXPECT_EQ(records.Json(), R"({
  "trace_id": "11111111111111111111111111111111",
  "spans": [
    {
      "span_id": "0000000000000061",
      "depth": 0,
      "name": "a",
      "target": "",
      "level": "INFO",
      "state": "open",
      "status": "unset",
      "start_time_unix_nano": "1763632673000000000",
      "end_time_unix_nano": "0",
      "duration_ns": null,
      "parent_not_seen": false,
      "uid": 1000,
      "gid": 0,
      "pid": 7,
      "service_name": "svc",
      "attributes": {},
      "events": [
        {
          "time_unix_nano": "1763632673005000000",
          "level": "INFO",
          "target": "",
          "message": "hi",
          "span_id": "0000000000000061",
          "uid": 1000,
          "gid": 0,
          "pid": 7,
          "service_name": "svc",
          "attributes": {}
        }
      ]
    }
  ],
  "events": [
    {
      "time_unix_nano": "1763632673006000000",
      "level": "INFO",
      "target": "",
      "message": "outside",
      "uid": 1000,
      "gid": 0,
      "pid": 7,
      "service_name": "svc",
      "attributes": {}
    }
  ]
}
)");
}

}  // namespace
}  // namespace sluice::cli
