// What is made of one trace: why, blame, the critical path; and that none of it can be led astray
// by what a journal may hold.
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>
#include <sstream>

#include "client/cli/render/blame.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/timing.h"
#include "client/cli/trace/walk.h"
#include "tests/support/client/trace_records.h"

namespace sluice::cli {
namespace {

constexpr uint64_t kLater = kBegin + 10 * kSecond;

// A job of which a step was killed after it had complained.
Records KilledStep() {
  Records records;
  records.Start('p', 0, 0).Whole('d', 'p', 10, 500).Start('r', 'p', 600);
  records.Event('r', 700, "disk is slow", v1::LEVEL_WARN).Event('p', 750, "still there");
  records.Start('x', 'r', 710).End('x', 720, "EIO");
  records.End('r', 800, "aborted: signal 9 (SIGKILL)").Synthetic();
  records.Event('p', 900, "going on").End('p', 1000, "exit status 1");
  return records;
}

std::string Why(const Records& records, const TextStyle& style = {}) {
  const Trace trace = records.Build();
  return RenderWhy(trace, ExplainTrace(trace), kLater, style);
}

TEST(WhyTest, TellsWhereItBeganToFailAndWhatWasAround) {
  EXPECT_EQ(
      Why(KilledStep()),
      "p failed  trace 11111111111111111111111111111111  2025-11-20T09:57:53.000000Z  1.00 s\n"
      "\n"
      "x: ERROR EIO\n"
      "  09:57:53.720000, 720 ms after the beginning; ran 10.0 ms; uid 1000, pid 7\n"
      "  in p (ERROR exit status 1) > r (aborted: signal 9 (SIGKILL))\n"
      "  before:\n"
      "    09:57:53.700000  WARN  r: disk is slow\n"
      "  after:\n"
      "    09:57:53.750000  INFO  p: still there\n"
      "    09:57:53.900000  INFO  p: going on\n");
}

TEST(WhyTest, BelievesTheParentThatSaidItFirst) {
  Records records;
  records.Start('p', 0, 0).Start('r', 'p', 100).Start('c', 'r', 200).End('r', 300, "killed");
  records.Event('p', 350, "r was killed").Event('p', 400, "done").End('p', 500);
  records.Event(0, 600, "later").End('c', 900, "aborted: signal 9 (SIGKILL)").Synthetic();
  const std::string why = Why(records);
  EXPECT_NE(why.find("\n  09:57:53.300000, 300 ms after the beginning; ran 700 ms;"),
            std::string::npos)
      << why;
  EXPECT_NE(why.find("after:\n    09:57:53.350000  INFO  p: r was killed\n"), std::string::npos)
      << why;
}

TEST(WhyTest, TellsWhatIsWaitedFor) {
  Records records;
  records.Start('a', 0, 0).Start('b', 'a', 100).Whole('c', 'a', 1, 2);
  EXPECT_EQ(Why(records),
            "a has not ended  trace 11111111111111111111111111111111  2025-11-20T09:57:53.000000Z  "
            "10.0 s\n"
            "\n"
            "waits for b since 09:57:53.100000 (9.90 s); uid 1000, pid 7\n"
            "  in a\n");
}

TEST(WhyTest, TellsAnErrorThatMadeNoSpanFail) {
  Records records;
  records.Start('a', 0, 0).Event('a', 5, "no such user", v1::LEVEL_ERROR).End('a', 10);
  const std::string why = Why(records);
  EXPECT_NE(why.find("\n09:57:53.005000  ERROR  a: no such user\n"), std::string::npos) << why;
  EXPECT_NE(why.find("\n  in a\n"), std::string::npos) << why;
}

TEST(WhyTest, CountsWhatItDoesNotTell) {
  Records records;
  records.Start('a', 0, 0);
  for (char id = 'b'; id < 'k'; ++id) records.Start(id, 'a', 1).End(id, 2, "no");
  const TraceWhy why = ExplainTrace(records.Build());
  EXPECT_EQ(why.failures.size(), 5u);
  EXPECT_EQ(why.more_failures, 4u);
  EXPECT_NE(Why(records).find("\n4 more failed later"), std::string::npos);
}

TEST(WhyTest, SaysThatNothingFailed) {
  Records records;
  records.Whole('a', 0, 0, 1);
  EXPECT_EQ(Why(records).substr(0, 13), "a: no failure");
}

TEST(BlameTest, TakesTheTimeOfChildrenFromTheirParents) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 100, 400).Whole('c', 'a', 300, 600);
  records.Start('d', 'a', 700).End('a', 1000);
  const Trace trace = records.Build();
  EXPECT_EQ(TextOf(RenderBlame, trace, BlameOf(trace, false, kBegin + kSecond), 20, TextStyle()),
            "SELF    IN CHILDREN  TOTAL   NAME\n"
            "300 ms               300 ms  b\n"
            "300 ms               300 ms  c\n"
            "300 ms               300 ms  d     open\n"
            "200 ms  800 ms       1.00 s  a\n");
}

TEST(BlameTest, JoinsByName) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 0, 100).span()->set_name("step");
  records.Whole('c', 'a', 200, 500).span()->set_name("step");
  records.End('a', 500);
  const Trace trace = records.Build();
  const Blame blame = BlameOf(trace, true, kLater);
  ASSERT_EQ(blame.rows.size(), 2u);
  EXPECT_EQ(trace.spans[blame.rows[0].span].name, "step");
  EXPECT_EQ(blame.rows[0].count, 2u);
  EXPECT_EQ(blame.rows[0].self, 400 * kMillisecond);
  EXPECT_EQ(trace.spans[blame.rows[0].span].id.raw(), SpanIdOf('c'));
}

TEST(BlameTest, SaysNothingOfMissingTimes) {
  Records records;
  records.End('a', 80).Whole('b', 0, 500, 400);
  const Trace trace = records.Build();
  const Blame blame = BlameOf(trace, false, kLater);
  EXPECT_TRUE(blame.rows.empty());
  EXPECT_EQ(TextOf(RenderBlame, trace, blame, 20, TextStyle()),
            "2 more without a start or an end\n");
}

std::string Path(const Trace& trace, const TextStyle& style = {}) {
  return TextOf(RenderCriticalPath, trace, CriticalPath(trace, kLater), style);
}

TEST(CriticalPathTest, GoesThroughTheChildrenThatEndedLast) {
  Records records;
  records.Start('a', 0, 0).Whole('b', 'a', 100, 400).Whole('c', 'a', 150, 300);
  records.Whole('d', 'a', 500, 900).Whole('e', 'd', 600, 900).End('a', 1000);
  const Trace trace = records.Build();
  EXPECT_EQ(Path(trace),
            "AT      TOOK    WHAT\n"
            "0 ns    100 ms  a, before b\n"
            "100 ms  300 ms  b\n"
            "400 ms  100 ms  a, between b and d\n"
            "500 ms  100 ms  d, before e\n"
            "600 ms  300 ms  e\n"
            "900 ms  100 ms  a, after d\n");
}

TEST(CriticalPathTest, FollowsLinksToOtherRoots) {
  Records records;
  records.Whole('w', 0, 100, 450);
  records.Start('a', 0, 0).Whole('b', 'a', 500, 900);
  auto* const span = records.span();
  span->add_links()->set_span_id(SpanIdOf('w'));
  records.End('a', 900);
  const Trace trace = records.Build();
  EXPECT_EQ(Path(trace),
            "AT      TOOK     WHAT\n"
            "0 ns    100 ms   a, before w\n"
            "100 ms  350 ms   w\n"
            "450 ms  50.0 ms  a, between w and b\n"
            "500 ms  400 ms   b\n");
}

TEST(CriticalPathTest, NamesTheTimeInWhichNoSpanRan) {
  Records records;
  records.Whole('a', 0, 0, 100).Whole('b', 0, 300, 400);
  const Trace trace = records.Build();
  EXPECT_EQ(Path(trace),
            "AT      TOOK    WHAT\n"
            "0 ns    100 ms  a\n"
            "100 ms  200 ms  (no span ran), between a and b\n"
            "300 ms  100 ms  b\n");
}

void ExpectNarrow(const std::string& text, size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(TextWidth(line), width) << line;
}

void ExpectAllShown(const Trace& trace) {
  std::set<size_t> spans, events;
  VisitRows(trace, {}, [&](const TreeRow& row) {
    auto& seen = row.item.kind == TraceItem::Kind::kSpan ? spans : events;
    EXPECT_TRUE(seen.insert(row.item.index).second) << "shown twice";
  });
  EXPECT_EQ(spans.size(), trace.spans.size());
  EXPECT_EQ(events.size(), trace.events.size());
}

void ExpectPathCovers(const Trace& trace, const std::vector<CriticalStep>& path) {
  const auto whole = IntervalOf(trace, kLater);
  EXPECT_EQ(path.empty(), !whole || whole->length() == 0);
  if (path.empty()) return;
  uint64_t covered_until = whole->begin;
  for (const CriticalStep& step : path) {
    EXPECT_EQ(step.time.begin, covered_until);
    EXPECT_GT(step.time.end, covered_until);
    covered_until = step.time.end;
  }
  EXPECT_EQ(covered_until, whole->end);
}

TEST(ViewsTest, HoldOnAnyRecords) {
  std::mt19937 random(15);
  for (int round = 0; round < 2'000; ++round) {
    const Records records = RandomRecords(&random);
    const Trace trace = records.Build();
    ExpectAllShown(trace);
    ExpectPathCovers(trace, CriticalPath(trace, kLater));
    const Blame blame = BlameOf(trace, false, kLater);
    EXPECT_EQ(blame.rows.size() + blame.without_times, trace.spans.size());
    for (const BlameRow& row : blame.rows) {
      EXPECT_LE(row.self, row.total);
      EXPECT_LE(row.total, 10 * kSecond) << "made of a time that is missing";
    }
    const TextStyle narrow{.width = 60};
    ExpectNarrow(TextOf(RenderBlame, trace, blame, 100, narrow), 60);
    ExpectNarrow(Path(trace, narrow), 60);
    ExpectNarrow(RenderWhy(trace, ExplainTrace(trace), kLater, narrow), 60);
    if (HasFailure()) return;
  }
}

// Adds children of `parent` one after the other within [begin, end), and theirs.
void AddNested(std::mt19937* random, char parent, uint64_t begin, uint64_t end, char* next_id,
               Records* records) {
  while (*next_id < 'z' && begin + 2 < end && (*random)() % 4 != 0) {
    const uint64_t from = begin + (*random)() % (end - begin - 1);
    const uint64_t to = from + 1 + (*random)() % (end - from);
    const char id = (*next_id)++;
    records->Whole(id, parent, from, to);
    AddNested(random, id, from, to, next_id, records);
    begin = to;
  }
}

TEST(ViewsTest, SelfTimesAddUpWhereNothingOverlaps) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    Records records;
    records.Whole('a', 0, 0, 4000);
    char next_id = 'b';
    AddNested(&random, 'a', 0, 4000, &next_id, &records);
    const Blame blame = BlameOf(records.Build(), false, kLater);
    uint64_t sum = 0;
    for (const BlameRow& row : blame.rows) sum += row.self;
    EXPECT_EQ(sum, 4 * kSecond);
  }
}

TEST(ViewsTest, SurviveWideAndDeepTraces) {
  Records records;
  constexpr int kSpans = 20'000;
  const auto id_of = [](int number) {
    std::string bytes(8, '\1');
    for (int i = 0; i < 4; ++i) bytes[static_cast<size_t>(i)] = static_cast<char>(number >> 8 * i);
    return bytes;
  };
  for (int i = 0; i < kSpans; ++i) {
    const auto at = static_cast<uint64_t>(i);
    records.Whole('x', 0, i % 2 == 0 ? at / 4 : 0, i % 2 == 0 ? at / 4 + 1 : 2 * kSpans - at);
    records.span()->set_span_id(id_of(i));
    // The even ones are children of the first, the odd ones of each other.
    if (i > 1) records.span()->set_parent_span_id(i % 2 == 0 ? id_of(1) : id_of(i - 2));
  }
  const Trace trace = records.Build();
  EXPECT_FALSE(CriticalPath(trace, kLater).empty());
  EXPECT_EQ(BlameOf(trace, false, kLater).rows.size(), static_cast<size_t>(kSpans));
}

TEST(FoldTest, BreaksAtSpacesAndIndentsTheRest) {
  EXPECT_EQ(Fold("one two three", 0, {}), "one two three");
  EXPECT_EQ(Fold("one two three", 0, {.width = 9}), "one two\n  three");
  EXPECT_EQ(Fold("one two three", 2, {.width = 9}), "  one two\n    three");
  EXPECT_EQ(Fold("onetwothree", 0, {.width = 4}), "onet\n  wo\n  th\n  re\n  e");
  EXPECT_EQ(Fold("", 3, {.width = 9}), "   ");
}

}  // namespace
}  // namespace sluice::cli
