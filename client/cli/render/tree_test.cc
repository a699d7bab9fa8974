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
            "     @0   1.20 s  a  uid 1000  pid 7\n"
            "@100 ms   300 ms  |- b\n"
            "@150 ms  10.0 ms  |  |- d\n"
            "@200 ms           |  `- 09:57:53.200000  INFO  half-way\n"
            "@500 ms   100 ms  `- c\n");
}

TEST(TreeTest, ShowsBothOfTwoSpansThatShareAnId) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 100, 400).Whole('b', 'a', 100, 400);
  records.Whole('b', 'a', 500, 600).End('a', 1000);
  EXPECT_EQ(records.Tree(),
            "     @0  1.00 s  a  uid 1000  pid 7\n"
            "@100 ms  300 ms  |- b\n"
            "@500 ms  100 ms  `- b  (another span has this id, too)\n");
}

// Times of the clock, as it was before the step for who asked it then.
TEST(TreeTest, OrdersByReceiptWhereTheClockWentBack) {
  Records records;
  records.Start('a', 0, 10'000).Whole('b', 'a', 11'000, 11'500);
  records.last().set_received_unix_nano(kBegin + 12 * kSecond);
  records.From(1000, 8).Whole('c', 'a', 2'000, 2'500).Event('a', 2'700, "then");
  records.last().set_received_unix_nano(kBegin + 3 * kSecond);
  const std::string tree = records.Tree();
  EXPECT_LT(tree.find(" b"), tree.find(" c")) << tree;
  EXPECT_LT(tree.find(" c"), tree.find("then")) << tree;
}

TEST(TreeTest, AnEventThatStatesNoTimeHasThatOfItsReceipt) {
  Records records;
  records.Event(0, 0, "when").last().mutable_record()->mutable_event()->clear_time_unix_nano();
  EXPECT_EQ(records.Tree().substr(0, 15), "09:57:54.000000");
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
            "      @0  600 ms  a  uid 1000  pid 7\n"
            "@10.0 ms  490 ms  |- b\n"
            "@20.0 ms  380 ms  `- c\n");
}

TEST(TreeTest, ShowsErrorsWithTheirMessage) {
  Records records;
  records.Start('a', 0, 0).End('a', 5, "exit status 2\x1b[2J");
  EXPECT_EQ(records.Tree(), "@0  5.00 ms  a  ERROR exit status 2\\u{1b}[2J  uid 1000  pid 7\n");
}

TEST(TreeTest, GivesAnOpenSpanNoDuration) {
  EXPECT_EQ(Records().Start('a', 0, 250).Tree(),
            "@0  a  open since 09:57:53.250000  uid 1000  pid 7\n");
}

TEST(TreeTest, MarksASpanWhoseProcessIsGone) {
  Records records;
  records.Start('a', 0, 0).From(1000, 7).End('a', 80, "aborted: signal 9 (SIGKILL)").Synthetic();
  EXPECT_EQ(records.Tree(), "@0  80.0 ms  a  aborted: signal 9 (SIGKILL)  uid 1000  pid 7\n");
}

TEST(TreeTest, GivesAnEndWithoutStartNoDuration) {
  EXPECT_EQ(Records().End('a', 80).Tree(),
            "(no name) 0000000000000061  uid 1000  pid 7  (start not seen)\n");
}

TEST(TreeTest, GivesAClockThatWasSetBackNoDuration) {
  EXPECT_EQ(Records().Whole('a', 0, 500, 400).Tree(),
            "@0  a  uid 1000  pid 7  (ends before it starts: the clock was set back)\n");
}

TEST(TreeTest, SaysThatAParentWasNotSeen) {
  EXPECT_EQ(Records().Whole('b', 'a', 0, 1).Tree(),
            "@0  1.00 ms  b  uid 1000  pid 7  (parent not seen)\n");
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
            "      @0           a  open since 09:57:53.000000  uid 0  pid 1  init\n"
            "@1.00 ms  1.00 ms  `- b  pid 2\n"
            "@1.00 ms  1.00 ms     `- c  uid 1000  pid 3  job  job.service\n");
}

TEST(TreeTest, TellsWhoSentAnEventIntoASpanOfAnothers) {
  Records records;
  records.From(0, 1).Start('a', 0, 0).Event('a', 1, "own");
  records.From(1000, 3, "job").Event('a', 2, "another's");
  EXPECT_EQ(records.Tree(),
            "      @0  a  open since 09:57:53.000000  uid 0  pid 1\n"
            "@1.00 ms  |- 09:57:53.001000  INFO  own\n"
            "@2.00 ms  `- 09:57:53.002000  INFO  another's  uid 1000  pid 3  job\n");
}

TEST(TreeTest, TellsSpansOfOneIdAndTwoUsersApart) {
  Records records;
  records.From(1000, 7).Start('a', 0, 0).Start('b', 'a', 10);
  records.From(1001, 8).End('a', 5, "forged").Start('c', 'a', 1);
  records.From(1000, 7).End('b', 20).End('a', 30);
  EXPECT_EQ(records.Tree(),
            "      @0  30.0 ms  a  uid 1000  pid 7\n"
            "@10.0 ms  10.0 ms  `- b\n"
            "                   (no name) 0000000000000061  ERROR forged  uid 1001  pid 8  (start "
            "not seen)\n"
            "@1.00 ms           `- c  open since 09:57:53.001000\n");
}

TEST(TreeTest, CountsARecordThatWasStoredTwiceOnce) {
  Records records;
  records.Start('a', 0, 0);
  auto* const attribute = records.span()->add_attributes();
  attribute->set_key("k");
  records.Again().End('a', 10).Again();
  EXPECT_EQ(records.Tree(), "@0  10.0 ms  a  uid 1000  pid 7\n");
  EXPECT_EQ(records.Json().find("\"k\"", records.Json().find("\"k\"") + 1), std::string::npos);
}

TEST(TreeTest, ShowsLoopsOnce) {
  Records records;
  records.Whole('a', 'b', 0, 1).Whole('b', 'c', 1, 2).Whole('c', 'a', 2, 3).Whole('d', 'd', 3, 4);
  records.Whole('e', 'c', 4, 5);
  EXPECT_EQ(records.Tree(),
            "@2.00 ms  1.00 ms  c  uid 1000  pid 7  (its parent is its own descendant)\n"
            "@1.00 ms  1.00 ms  |- b\n"
            "      @0  1.00 ms  |  `- a\n"
            "@4.00 ms  1.00 ms  `- e\n"
            "@3.00 ms  1.00 ms  d  uid 1000  pid 7  (its parent is its own descendant)\n");
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
            "@0  10.0 ms  a  uid 1000  pid 7\n"
            "@0           `- 09:57:53.000000  INFO  cache miss url=\"http://a b\\n\"\n");
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
  EXPECT_NE(tree.find("\u251c\u2500 b\n"), std::string::npos) << tree;
  EXPECT_NE(tree.find("\u2502  \u2514\u2500 c\n"), std::string::npos) << tree;
  EXPECT_NE(tree.find("  \u2514\u2500 d\n"), std::string::npos) << tree;
}

TEST(TreeTest, UsesColorOnlyWhenAsked) {
  Records records;
  records.Start('a', 0, 0).End('a', 1, "bad");
  EXPECT_EQ(records.Styled({}).find('\x1b'), std::string::npos);
  EXPECT_NE(records.Styled({.color = true}).find("\x1b[31mERROR bad\x1b[0m"), std::string::npos);
}

TEST(TreeTest, IsOneLineWithoutRecords) {
  EXPECT_EQ(Records().Tree({}), "trace   0 spans, 0 events\n");
}

TEST(TreeTest, SaysHowLongSomethingHasBeenOpen) {
  Records records;
  records.Start('a', 0, 250);
  EXPECT_NE(records.Tree({.now_unix_nano = kBegin + 3 * kSecond})
                .find("a  open since 09:57:53.250000 (2.75 s)"),
            std::string::npos);
}

TEST(TreeTest, ShowsAttributesAndOwnTimeWhenVerbose) {
  Records records;
  records.Start('a', 0, 0);
  auto* const attribute = records.span()->add_attributes();
  attribute->set_key("disk");
  attribute->mutable_value()->set_string_value("sda");
  records.Whole('b', 'a', 100, 400).End('a', 1000);
  EXPECT_NE(records.Tree({.is_verbose = true}).find("a  self 700 ms  disk=sda  uid 1000"),
            std::string::npos);
}

TEST(TreeTest, JoinsSiblingsThatAreAlike) {
  Records records;
  records.Start('a', 0, 0);
  for (char id = 'b'; id < 'h'; ++id) {
    records.Whole(id, 'a', static_cast<uint64_t>(id), static_cast<uint64_t>(id) + 1 + (id == 'd'));
    records.span()->set_name("step");
  }
  records.Start('h', 'a', 200).End('h', 201, "bad").End('a', 300);
  TreeOptions options;
  options.limits.join_from = 6;
  const std::string tree = records.Tree(options);
  EXPECT_NE(tree.find("|- step x 6, slowest 2.00 ms\n"), std::string::npos) << tree;
  EXPECT_NE(tree.find("`- h  ERROR bad\n"), std::string::npos) << tree;
  options.limits.join_from = 7;
  EXPECT_EQ(records.Tree(options).find(" x 6"), std::string::npos);
}

TEST(TreeTest, LeavesOutWhatIsShortDeepOrVerbose) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 1, 2).Whole('c', 'b', 1, 200).Whole('d', 'a', 3, 4);
  records.Start('e', 'a', 5).End('e', 6, "bad").Event('a', 7, "x", v1::LEVEL_DEBUG);
  records.Event('a', 8, "y").End('a', 300);
  const auto names = [](const std::string& tree) {
    std::string found;
    for (const char* line : {"a  uid", "- b", "- c", "- d", "- e", "DEBUG  x", "INFO  y"}) {
      if (tree.find(line) != std::string::npos) found += line[std::strlen(line) - 1];
    }
    return found;
  };
  EXPECT_EQ(names(records.Tree()), "dbcdexy");
  TreeOptions options;
  options.limits.min_nano = 100 * kMillisecond;
  EXPECT_EQ(names(records.Tree(options)), "dbcexy") << "b leads to c, e failed";
  options = {};
  options.limits.max_depth = 1;
  EXPECT_EQ(names(records.Tree(options)), "dbdexy");
  options = {};
  options.limits.level = v1::LEVEL_INFO;
  EXPECT_EQ(names(records.Tree(options)), "dbcdey");
}

TEST(TreeTest, FoldsToTheTerminalsWidth) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 1, 2).Event('b', 1, std::string(90, 'm') + " end");
  for (const TextStyle& style :
       {TextStyle{.width = 60}, TextStyle{.color = true, .unicode = true, .width = 60}}) {
    const std::string tree = records.Tree({}, style);
    for (size_t at = 0; at < tree.size(); at = tree.find('\n', at) + 1) {
      EXPECT_LE(TextWidth(tree.substr(at, tree.find('\n', at) - at)), 60u) << tree;
    }
    EXPECT_NE(tree.find("end"), std::string::npos);
  }
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
