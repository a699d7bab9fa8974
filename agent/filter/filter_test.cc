#include "agent/filter/filter.h"

#include <malloc.h>

#include <string>

#include "agent/filter/describe.h"
#include "agent/filter/matcher.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::filter {
namespace {

FilterOptions Fixed() {
  FilterOptions options;
  options.profile = Profile::kFixed;
  return options;
}

FilterOptions Lossy() {
  FilterOptions options;
  options.lossy = true;
  return options;
}

std::shared_ptr<const Filter> Parsed(std::string_view text, const FilterOptions& options = {}) {
  return Filter::Parse(text, options).filter;
}

std::string ErrorOf(std::string_view text, const FilterOptions& options = {}) {
  const auto result = Filter::Parse(text, options);
  return result.first_error() == nullptr ? "" : DescribeError(*result.first_error());
}

TEST(FilterParseTest, NamesThePieceTheReasonAndThePlaceOfAnError) {
  EXPECT_EQ(ErrorOf("info, app=loud"),
            "\"app=loud\": \"loud\" is not a level (off, error, warn, info, debug, trace, 0-5) "
            "(level error at byte 10)");
  EXPECT_EQ(ErrorOf("a,!b"),
            "\"!b\": a directive begins with a letter, a digit, '-', ':', '_' or '[' (syntax error "
            "at byte 2)");
  EXPECT_EQ(ErrorOf("a[b"), "\"a[b\": '[' is not closed (syntax error at byte 1)");
}

TEST(FilterParseTest, NamesTheByteOfTheMistakeAndThePieceItStandsIn) {
  const auto result = Filter::Parse("info, é=loud", {});
  ASSERT_EQ(result.pieces.size(), 2u);
  EXPECT_EQ(result.pieces[1].text, "é=loud");
  EXPECT_EQ(result.pieces[1].offset, 6u);
  EXPECT_EQ(result.pieces[1].parsed.error.offset, 9u);
}

TEST(FilterParseTest, PrintsEachPieceInItsLongestSpelling) {
  const auto result = Filter::Parse("svc[job{k=4,z}],[{k}]=2,a", {});
  std::vector<std::string> pieces;
  for (const Directive& directive : result.filter->directives()) {
    pieces.push_back(directive.Format() + ": " + std::string(LooksAt(directive)));
  }
  EXPECT_THAT(pieces, ::testing::ElementsAre("svc[job{k=4,z}]=trace: inside spans that match",
                                             "[{k}]=warn: fields, and inside spans that have them",
                                             "a=trace: target"));
}

TEST(FilterParseTest, ShowsNoCutCharacterOfATextThatIsTooLong) {
  const auto result = Filter::Parse(std::string(63, 'a') + "é" + std::string(70'000, 'b'), {});
  EXPECT_EQ(result.pieces[0].parsed.fault, Fault::kLimit);
  EXPECT_EQ(result.pieces[0].text, std::string(63, 'a'));
}

TEST(FilterParseTest, WarnsOfWhatIsHardlyMeantSo) {
  for (const char* text : {"warning", "wrn", "6", "fatal", "a!b=info", "[]", "[{k=a=b}]"}) {
    const auto result = Filter::Parse(text, {});
    ASSERT_NE(result.filter, nullptr) << text;
    EXPECT_EQ(result.pieces[0].parsed.warnings.size(), 1u) << text;
  }
  for (const char* text : {"info", "svc", "svc::db=warn", "github.com/a-b.c", "[job]", "[{k=a}]"}) {
    EXPECT_TRUE(Filter::Parse(text, {}).pieces[0].parsed.warnings.empty()) << text;
  }
}

TEST(FilterParseTest, FixedRefusesAnOddCharacterBehindATolerableOne) {
  EXPECT_NE(ErrorOf("a b!", Fixed()), "");
  EXPECT_EQ(ErrorOf("a b]{}", Fixed()), "");
}

TEST(FilterParseTest, ShowsNoControlCharactersOfTheText) {
  const auto result = Filter::Parse("a\x1b[31m=b", {});
  EXPECT_EQ(DescribeError(result.pieces[0]).find('\x1b'), std::string::npos);
}

TEST(FilterParseTest, LossyLeavesBadPiecesOutAndTellsOfEach) {
  const auto result = Filter::Parse("a=b,svc=info,[x", Lossy());
  ASSERT_NE(result.filter, nullptr);
  EXPECT_EQ(result.filter->directives().size(), 1u);
  EXPECT_EQ(result.pieces.size(), 3u);
  EXPECT_EQ(result.pieces[2].parsed.fault, Fault::kSyntax);
}

TEST(FilterParseTest, AnUnclosedBracketEndsAtTheNextComma) {
  const auto result = Filter::Parse("[{a,svc=info", Lossy());
  EXPECT_EQ(result.pieces[0].text, "[{a");
  EXPECT_EQ(result.filter->directives()[0].Format(), "svc=info");
}

TEST(FilterLimitTest, TakesUpToItsNumberOfDirectives) {
  std::string text;
  for (size_t i = 0; i < kMaxDirectives; ++i) text += "t" + std::to_string(i) + "=info,";
  EXPECT_EQ(Parsed(text)->directives().size(), kMaxDirectives);
  EXPECT_EQ(ErrorOf(text + "more=info"),
            "\"more=info\": more directives than 256 (limit error at byte " +
                std::to_string(text.size()) + ")");
}

TEST(FilterLimitTest, TakesUpToItsNumberOfFields) {
  std::string names = "a";
  for (size_t i = 1; i < kMaxFieldTests; ++i) names += ",a";
  EXPECT_EQ(ErrorOf("[{" + names + "}]"), "");
  EXPECT_NE(ErrorOf("[{" + names + ",a}]").find("limit error"), std::string::npos);
}

TEST(FilterLimitTest, TakesUpToItsBytes) {
  const std::string target(kMaxFilterBytes, 'a');
  EXPECT_EQ(ErrorOf(target), "");
  EXPECT_NE(ErrorOf(target + "a").find("limit error"), std::string::npos);
}

TEST(FilterLimitTest, TakesPatternsUpToTheirBytes) {
  EXPECT_EQ(ErrorOf("[{k=" + std::string(kMaxPatternBytes, 'x') + "}]"), "");
  EXPECT_NE(ErrorOf("[{k=" + std::string(kMaxPatternBytes + 1, 'x') + "}]").find("limit error"),
            std::string::npos);
}

bool MatchesText(const std::string& pattern, std::string_view text) {
  ValueView value;
  value.type = ValueView::Type::kString;
  value.text = text;
  const auto parsed = ValuePattern::Parse(pattern, {.profile = Profile::kCompat});
  return (*parsed)->Matches({"k", value, false}, false);
}

TEST(FilterLimitTest, LooksAtTheFirstBytesOfAValueOnly) {
  std::string text(kMaxValueBytes - 1, 'a');
  EXPECT_TRUE(MatchesText("a*b", text + "b"));
  EXPECT_TRUE(MatchesText("a*", text + "ab"));
  EXPECT_FALSE(MatchesText("a*b", text + "ab"));
  // A code point that the limit would cut is left out whole.
  EXPECT_TRUE(MatchesText("a*", text + "é"));
}

// What the heap holds in use, in bytes.
size_t HeapInUse() { return ::mallinfo2().uordblks; }

TEST(FilterLimitTest, AHostilePatternStaysWithinItsMemory) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer's heap is not the one that is counted";
#endif
  // As a dense automaton this takes 2^200 states.
  std::string pattern = ".*a";
  for (int i = 0; i < 200; ++i) pattern += "[ab]";
  std::string value(kMaxValueBytes, 'b');
  for (size_t i = 0; i < value.size(); i += 1 + i % 7) value[i] = 'a';
  const size_t before = HeapInUse();
  const auto parsed = ValuePattern::Parse(pattern + "c", {.profile = Profile::kCompat});
  ASSERT_TRUE(parsed.ok());
  ValueView view;
  view.type = ValueView::Type::kString;
  view.text = value;
  for (int round = 0; round < 20; ++round) {
    EXPECT_FALSE((*parsed)->Matches({"k", view, false}, false));
    std::rotate(value.begin(), value.begin() + 13, value.end());
  }
  EXPECT_LE(HeapInUse() - before, static_cast<size_t>(kMaxPatternMemory));
}

TEST(PatternBudgetTest, GivesTheFirstPatternsMuchAndTheRestLittle) {
  PatternBudget budget;
  int64_t sum = 0;
  for (size_t i = 0; i < kMaxDirectives; ++i) sum += budget.Take();
  EXPECT_LE(sum, kMaxFilterMemory + static_cast<int64_t>(kMaxDirectives) * kMinPatternMemory);
  EXPECT_EQ(PatternBudget().Take(), kMaxPatternMemory);
}

TEST(ValuePatternTest, RefusesWhatMeansSomethingElseInRust) {
  for (const char* pattern : {"[a&&b]", "[a--b]", "[a~~b]", "[a[b]]", "x{2", "\\Qa\\E", "\\C",
                              "(?x)a", "(", "*", "a\\"}) {
    const auto parsed = ValuePattern::Parse(pattern, {.profile = Profile::kCompat});
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << pattern;
  }
}

TEST(ValuePatternTest, TakesRustsFlagsForAscii) {
  EXPECT_TRUE(MatchesText("(?-u:b)ob", "bob"));
  EXPECT_TRUE(MatchesText("(?-u)bob", "bob"));
  EXPECT_TRUE(MatchesText("(?i-u:BOB)", "bob"));
  EXPECT_TRUE(MatchesText("(?i)BOB", "bob"));
  EXPECT_TRUE(MatchesText("[]{]+", "]{"));
  EXPECT_TRUE(MatchesText("[[:alpha:]]+", "bob"));
}

TEST(ValuePatternTest, FixedTakesTheLongestMatchUnlessTheShortestIsAskedFor) {
  const auto matches = [](const char* pattern, std::string_view text) {
    ValueView value;
    value.type = ValueView::Type::kString;
    value.text = text;
    return (*ValuePattern::Parse(pattern, {.profile = Profile::kFixed}))
        ->Matches({"k", value}, false);
  };
  EXPECT_TRUE(matches("(a|ab)", "ab"));
  EXPECT_FALSE(matches("bo.*?", "bobby"));
  EXPECT_FALSE(matches("x[*?]+?", "x**"));
  EXPECT_TRUE(matches("x[*?]+", "x**"));
  EXPECT_TRUE(matches("\"a b\"", "a b"));
  EXPECT_FALSE(matches("\"a b\"", "xa b"));
}

TEST(LevelSummaryTest, BoundsEachTargetByWhatItsDirectivesAllow) {
  const LevelSummary summary = Parsed("error,foo=debug,foo::bar=off")->Summarize();
  EXPECT_EQ(summary.LevelFor("bar"), LevelFilter::kError);
  EXPECT_EQ(summary.LevelFor("foo"), LevelFilter::kDebug);
  EXPECT_EQ(summary.LevelFor("foo::bar::x"), LevelFilter::kOff);
  EXPECT_EQ(Parsed("")->Summarize(), LevelSummary());
}

TEST(LevelSummaryTest, ASpanDirectiveRaisesEveryTarget) {
  const LevelSummary summary = Parsed("error,svc[job]=debug")->Summarize();
  EXPECT_EQ(summary.LevelFor("other"), LevelFilter::kDebug);
  const LevelSummary values = Parsed("error,svc[job{k=1}]=info")->Summarize();
  EXPECT_EQ(values.LevelFor("other"), LevelFilter::kInfo);
  EXPECT_EQ(values.LevelFor("svc"), LevelFilter::kTrace) << "the value may come with any span";
}

TEST(LevelSummaryTest, CombinesByWhatAnyoneWants) {
  const LevelSummary parts[] = {Parsed("warn,a=off")->Summarize(),
                                Parsed("off,a::b=trace")->Summarize()};
  const LevelSummary all = MaxOf(parts);
  EXPECT_EQ(all.LevelFor("x"), LevelFilter::kWarn);
  EXPECT_EQ(all.LevelFor("a"), LevelFilter::kOff);
  EXPECT_EQ(all.LevelFor("a::b"), LevelFilter::kTrace);
  EXPECT_EQ(MaxOf({}), LevelSummary());
}

TEST(LevelSummaryTest, DropsEntriesThatChangeNothing) {
  const LevelSummary summary = Parsed("info,a=info,a::b=info,c=warn,c::d=warn")->Summarize();
  ASSERT_EQ(summary.targets.size(), 1u);
  EXPECT_EQ(summary.targets[0], (LevelSummary::Target{"c", LevelFilter::kWarn}));
}

TEST(FilterOptionsTest, WholeSegmentsEndAtSeparators) {
  FilterOptions options;
  options.whole_segments = true;
  const auto filter = Parsed("svc=info", options);
  for (const char* covered : {"svc", "svc::x", "svc.x", "svc/x"}) {
    EXPECT_TRUE(filter->CoversTarget(filter->directives()[0], covered)) << covered;
  }
  for (const char* other : {"svcx", "svc:x", "sv", "svc-x"}) {
    EXPECT_FALSE(filter->CoversTarget(filter->directives()[0], other)) << other;
  }
  EXPECT_TRUE(filter->CoversTarget(Parsed("svc::=info")->directives()[0], "svc::x"));
}

TEST(FilterDefaultTest, AzureInitsListParsesInBothProfiles) {
  EXPECT_EQ(ErrorOf("WARN,azure_init=INFO,libazureinit::config::success", Fixed()), "");
}

}  // namespace
}  // namespace sluice::filter
