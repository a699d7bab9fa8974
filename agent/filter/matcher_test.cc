#include "agent/filter/matcher.h"

#include <string>
#include <vector>

#include "agent/filter/describe.h"
#include "agent/filter/target_levels.h"
#include "gtest/gtest.h"
#include "sluice/v1/record.pb.h"

namespace sluice::filter {
namespace {

std::shared_ptr<const Filter> ParsedFilter(std::string_view text,
                                           const FilterOptions& options = {}) {
  return Filter::Parse(text, options).filter;
}

Field Int(std::string_view name, int64_t number) {
  Field field{name, {}, false};
  field.value.type = ValueView::Type::kInt;
  field.value.int_value = number;
  return field;
}

Subject Span(std::string_view target, std::string_view name, Level level = Level::kInfo) {
  return {target, level, name, Fields()};
}

Subject Event(std::string_view target, Level level) { return {target, level, "", Fields()}; }

TEST(MatcherTest, ALateFieldOpensTheScopeAndItsDescendants) {
  Matcher matcher(ParsedFilter("[job{k=1}]=debug"));
  SpanScope job, child;
  EXPECT_FALSE(matcher.OpenSpan(Span("a", "job"), nullptr, &job)) << "k has not arrived";
  matcher.OpenSpan(Span("a", "child"), &job, &child);
  EXPECT_FALSE(matcher.EventEnabled(Event("q", Level::kDebug), &child));

  const std::vector<Field> late = {Int("k", 1)};
  EXPECT_TRUE(matcher.RecordFields(Fields(late), &job));
  EXPECT_TRUE(job.enabled());
  EXPECT_EQ(job.level(), LevelFilter::kDebug);
  EXPECT_TRUE(matcher.Inherit(&job, &child));
  EXPECT_TRUE(matcher.EventEnabled(Event("q", Level::kDebug), &child));
  EXPECT_FALSE(matcher.RecordFields(Fields(late), &job)) << "nothing new";
}

TEST(MatcherTest, ASpanThatIsNotLetThroughStillPassesItsParentsScopeOn) {
  Matcher matcher(ParsedFilter("[job]=info"));
  SpanScope job, hidden;
  matcher.OpenSpan(Span("a", "job"), nullptr, &job);
  EXPECT_FALSE(matcher.OpenSpan(Span("a", "x", Level::kTrace), &job, &hidden));
  EXPECT_TRUE(matcher.EventEnabled(Event("q", Level::kInfo), &hidden));
}

TEST(MatcherTest, TheEndOfAFailedSpanIsJudgedAsAnErrorsWouldBe) {
  const auto passes = [](const char* filter, const FilterOptions& options = {}) {
    return Matcher(Parsed(filter, options)).FailedEndEnabled(Span("svc", "job"), nullptr);
  };
  EXPECT_TRUE(passes("error"));
  EXPECT_TRUE(passes("off,svc=warn"));
  EXPECT_FALSE(passes("off"));
  EXPECT_FALSE(passes("trace,svc=off"));
  EXPECT_FALSE(passes("other=trace"));
  FilterOptions overriding;
  overriding.override_inside_spans = true;
  EXPECT_TRUE(passes("off,[job]=error", overriding));
  EXPECT_FALSE(passes("trace,[job]=off", overriding));
}

TEST(MatcherTest, TheEndOfAFailedSpanIsJudgedInsideItsParent) {
  FilterOptions overriding;
  overriding.override_inside_spans = true;
  for (const bool silences : {false, true}) {
    Matcher matcher(Parsed(silences ? "trace,[job]=off" : "off,[job]=error", overriding));
    SpanScope job;
    matcher.OpenSpan(Span("svc", "job"), nullptr, &job);
    EXPECT_EQ(matcher.FailedEndEnabled(Span("svc", "step"), &job), !silences);
  }
}

TEST(MatcherTest, FixedForgetsAValueThatIsOvertaken) {
  FilterOptions options;
  options.profile = Profile::kFixed;
  Matcher matcher(ParsedFilter("[{k=1}]=debug", options));
  const std::vector<Field> one = {Int("k", 1)}, two = {Int("k", 2)};
  SpanScope scope;
  matcher.OpenSpan({"a", Level::kInfo, "s", Fields(one)}, nullptr, &scope);
  EXPECT_EQ(scope.level(), LevelFilter::kDebug);
  EXPECT_TRUE(matcher.RecordFields(Fields(two), &scope));
  EXPECT_EQ(scope.level(), LevelFilter::kOff);
  EXPECT_TRUE(scope.enabled()) << "what was let through stays so";
}

TEST(MatcherTest, OfANameGivenTwiceTheLastValueCounts) {
  Matcher matcher(ParsedFilter("[{a=1,a=2}]=debug"));
  const std::vector<Field> one = {Int("a", 1)}, two = {Int("a", 2)};
  SpanScope scope;
  matcher.OpenSpan({"t", Level::kInfo, "s", Fields(one)}, nullptr, &scope);
  EXPECT_EQ(scope.level(), LevelFilter::kOff);
  matcher.OpenSpan({"t", Level::kInfo, "s", Fields(two)}, nullptr, &scope);
  EXPECT_EQ(scope.level(), LevelFilter::kDebug);
}

TEST(MatcherTest, OverrideLetsTheInnermostSpanDecide) {
  FilterOptions options;
  options.override_inside_spans = true;
  Matcher matcher(ParsedFilter("info,[quiet]=error,[loud]=trace", options));
  SpanScope quiet, loud, plain;
  matcher.OpenSpan(Span("a", "quiet"), nullptr, &quiet);
  EXPECT_FALSE(matcher.EventEnabled(Event("a", Level::kInfo), &quiet));
  matcher.OpenSpan(Span("a", "plain"), &quiet, &plain);
  EXPECT_FALSE(matcher.EventEnabled(Event("a", Level::kInfo), &plain));
  matcher.OpenSpan(Span("a", "loud"), &plain, &loud);
  EXPECT_TRUE(matcher.EventEnabled(Event("a", Level::kTrace), &loud));
}

TEST(MatcherTest, SaysWhichDirectiveDecided) {
  const auto filter = ParsedFilter("warn,svc=info,[job]=debug");
  Matcher matcher(filter);
  SpanScope job;
  matcher.OpenSpan(Span("a", "job"), nullptr, &job);
  const auto describe = [&](const Verdict& verdict) {
    const auto& directive = filter->directives()[static_cast<size_t>(verdict.directive)];
    return (verdict.enabled ? "enabled by \"" : "disabled by \"") + directive.Format() + "\" (" +
           std::string(ReasonText(verdict.reason)) + ")";
  };
  EXPECT_EQ(describe(matcher.ExplainEvent(Event("svc::x", Level::kInfo), nullptr)),
            "enabled by \"svc=info\" (target)");
  EXPECT_EQ(describe(matcher.ExplainEvent(Event("other", Level::kInfo), nullptr)),
            "disabled by \"warn\" (target)");
  EXPECT_EQ(describe(matcher.ExplainEvent(Event("other", Level::kDebug), &job)),
            "enabled by \"[job]=debug\" (enclosing span)");
  EXPECT_EQ(describe(matcher.ExplainSpan(Span("a", "job"), nullptr)),
            "enabled by \"[job]=debug\" (the span itself)");
  EXPECT_EQ(ReasonText(
                Matcher(ParsedFilter("a")).ExplainEvent(Event("b", Level::kError), nullptr).reason),
            "no directive applies");
}

TEST(MatcherTest, ReadsSubjectsOutOfRecords) {
  v1::Record message;
  message.set_kind(v1::RECORD_KIND_EVENT);
  message.set_level(v1::LEVEL_DEBUG);
  message.set_target("t");
  message.mutable_event()->mutable_body()->set_string_value("bob");
  auto* attribute = message.mutable_event()->add_attributes();
  attribute->set_key("k");
  attribute->mutable_value()->set_int_value(4);
  const std::string encoded = message.SerializeAsString();
  const RecordView record = *ReadRecord(encoded);
  FilterOptions options;
  options.profile = Profile::kFixed;
  for (const char* text :
       {"t=debug", "[{message}]=debug", "[{message=bob}]=debug", "[{k=4}]=debug"}) {
    EXPECT_TRUE(Matcher(ParsedFilter(text, options)).EventEnabled(Subject::Of(record), nullptr))
        << text;
  }
  EXPECT_FALSE(
      Matcher(ParsedFilter("[{k=5}]=debug", options)).EventEnabled(Subject::Of(record), nullptr));
}

TEST(MatcherTest, KeepsAnsweringWhenItsCachesAreFlooded) {
  Matcher matcher(ParsedFilter("info,a=debug,[job]=trace"));
  SpanScope job;
  matcher.OpenSpan(Span("a", "job"), nullptr, &job);
  for (int i = 0; i < 20'000; ++i) {
    const std::string target = "a" + std::to_string(i), name = "n" + std::to_string(i);
    SpanScope scope;
    matcher.OpenSpan(Span(target, name), &job, &scope);
    ASSERT_TRUE(matcher.EventEnabled(Event(target, Level::kDebug), nullptr));
    ASSERT_TRUE(matcher.EventEnabled(Event("b" + target, Level::kTrace), &scope));
    ASSERT_FALSE(matcher.EventEnabled(Event("b" + target, Level::kDebug), nullptr));
  }
}

TEST(MatcherTest, WorksBeyondOneWordOfTests) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "[{k" + std::to_string(i) + "=1}]=debug,";
  Matcher matcher(ParsedFilter(text));
  for (int i = 0; i < 100; ++i) {
    const std::string name = "k" + std::to_string(i);
    const std::vector<Field> fields = {Int(name, 1)};
    SpanScope scope;
    matcher.OpenSpan({"t", Level::kInfo, "s", Fields(fields)}, nullptr, &scope);
    EXPECT_EQ(scope.level(), LevelFilter::kDebug) << i;
  }
}

// vLLora's example: its own spans and the application's, in one trace, each by its own route.
Routes VlloraRoutes() {
  return Routes({{"vllora", Targets::Of("vllora::user_tracing", LevelFilter::kInfo)},
                 {"app", Targets::Of("app::runtime", LevelFilter::kInfo)}});
}

TEST(RoutesTest, TakeVllorasExampleByTarget) {
  const Routes routes = VlloraRoutes();
  EXPECT_TRUE(routes.Takes("app::runtime::execution", Level::kInfo));
  for (const char* part : {"run", "agent", "task", "api_invoke", "models", "openai", "tool"}) {
    EXPECT_EQ(routes.TakenBy(std::string("vllora::user_tracing::") + part, Level::kInfo),
              std::vector<std::string_view>{"vllora"});
  }
  EXPECT_FALSE(routes.Takes("tracing_example", Level::kInfo)) << "no default";
  EXPECT_FALSE(routes.Takes("app::runtime", Level::kDebug));
  EXPECT_TRUE(routes.Takes("app::runtime_x", Level::kError)) << "a plain prefix";
}

// Their filter answers as the routes do, whatever the text of targets and levels.
TEST(RoutesTest, CompileToAFilterThatAnswersAlike) {
  const Routes routes({{"one", *Targets::Parse("app=info,app::db=off,other=trace")},
                       {"two", *Targets::Parse("app::db::pool=debug,error")},
                       {"odd", *Targets::Parse(" x =info,a[{k}]=trace")}});
  Matcher matcher(routes.Compile());
  for (const char* target : {"", "app", "app::db", "app::db::pool", "apple", "other", " x ", "a"}) {
    for (int level = 1; level <= 5; ++level) {
      const Subject event = Event(target, static_cast<Level>(level));
      EXPECT_EQ(matcher.EventEnabled(event, nullptr), routes.Takes(target, event.level))
          << target << " " << level;
    }
  }
  EXPECT_FALSE(Matcher(Routes().Compile()).EventEnabled(Event("a", Level::kError), nullptr));
}

TEST(RoutesTest, TakeAnAsteriskForWhatItIs) {
  const Routes routes({{"all", Targets::Of("*", LevelFilter::kInfo)}});
  EXPECT_FALSE(routes.Takes("app", Level::kInfo));
  EXPECT_TRUE(routes.Takes("*app", Level::kInfo));
}

TEST(RoutesTest, SumUpForHints) {
  const LevelSummary summary = VlloraRoutes().Summarize();
  EXPECT_EQ(summary.otherwise, LevelFilter::kOff);
  EXPECT_EQ(summary.LevelFor("app::runtime::x"), LevelFilter::kInfo);
  EXPECT_EQ(Routes().Summarize(), LevelSummary());
}

TEST(TargetsTest, PrintWhatParsesBack) {
  for (const char* text : {"svc=info,warn", "a[{k}]=debug,=off", "svc,svc::x=off"}) {
    const auto targets = Targets::Parse(text);
    ASSERT_TRUE(targets.ok());
    EXPECT_EQ(Targets::Parse(targets->Format())->Format(), targets->Format());
  }
}

}  // namespace
}  // namespace sluice::filter
