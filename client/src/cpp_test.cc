// The C++ headers, as a program uses them: what the agent gets of each construct.
#define SLUICE_TARGET "app::test"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <ostream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "sluice/sluice.hpp"
#include "tests/support/fake_agent.h"

namespace sluice::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

struct Point {
  int x, y;
  friend std::ostream& operator<<(std::ostream& stream, const Point& point) {
    return stream << point.x << ',' << point.y;
  }
};
struct Version {
  int major;
  template <typename Sink>
  friend void AbslStringify(Sink& sink, const Version& version) {
    sink.Append("v");
    sink.Append(1, static_cast<char>('0' + version.major));
  }
};
struct Unprintable {
  friend std::ostream& operator<<(std::ostream&, const Unprintable&) { throw std::bad_alloc(); }
};
enum class Mode { kFast = 3 };
struct Status {
  bool ok() const { return text.empty(); }
  int code() const { return 5; }
  std::string_view message() const { return text; }
  std::string_view text;
};
template <typename T>
struct Result {
  bool has_value() const { return is_good; }
  const T& operator*() const { return value; }
  const char* error() const { return "no such user"; }
  bool is_good = true;
  T value = {};
};

// One agent for the whole program, which has one connection.
FakeAgent& Agent() {
  static FakeAgent agent;
  return agent;
}

class CppTest : public ::testing::Test {
 protected:
  // What is emitted within, merged by span: a span of several records as one.
  static std::map<std::string, SeenRecord> Emitted(const std::function<void()>& emit) {
    Flush(10'000);
    const size_t before = Agent().records().size();
    emit();
    EXPECT_TRUE(Flush(10'000));
    std::map<std::string, SeenRecord> by_span;
    const auto records = Agent().records();
    for (size_t i = before; i < records.size(); ++i) {
      const SeenRecord& record = records[i];
      const std::string key = record.kind == kEvent ? "event " + record.name : record.span_id;
      SeenRecord& seen = by_span.try_emplace(key, record).first->second;
      for (const auto& [name, value] : record.attributes) seen.attributes[name] = value;
      if (record.status != 0) seen.status = record.status;
      if (!record.status_message.empty()) seen.status_message = record.status_message;
      if (!record.name.empty()) seen.name = record.name;
      if (record.end != 0) seen.end = record.end;
      if (record.busy_ns != 0) seen.busy_ns = record.busy_ns;
    }
    std::map<std::string, SeenRecord> by_name;
    for (auto& [key, record] : by_span) by_name.emplace(record.name, record);
    return by_name;
  }
};

int Instrumented(int user, bool fails) {
  SLUICE_FUNCTION(.name = "root", .level = Level::kWarn, .fields = SLUICE_ARGS(user, fails));
  SLUICE_RETURN(user + 1);
}
void Plain() { SLUICE_FUNCTION(); }

TEST_F(CppTest, AFunctionIsASpanWithItsArgumentsAndItsResult) {
  int result = 0;
  auto seen = Emitted([&] {
    result = Instrumented(6, true);
    Plain();
  });
  EXPECT_EQ(result, 7);
  EXPECT_THAT(seen["root"].attributes,
              UnorderedElementsAre(Pair("user", "6"), Pair("fails", "true"), Pair("return", "7")));
  EXPECT_EQ(seen["root"].level, 2);
  EXPECT_EQ(seen["root"].target, "app::test");
  EXPECT_EQ(seen["Plain"].target, "app::test");
}

struct CleansUp {
  ~CleansUp() { SLUICE_SPAN("clean up"); }
};
void Throws() {
  SLUICE_FUNCTION();
  SLUICE_SPAN("step");
  const CleansUp cleans_up;
  throw std::runtime_error("boom");
}

TEST_F(CppTest, AnExceptionFailsTheSpansOfMacrosThatItUnwindsAndNoOther) {
  auto seen = Emitted([] {
    SLUICE_SPAN("around");
    EXPECT_THROW(Throws(), std::runtime_error);
    SLUICE_SPAN("after");
  });
  EXPECT_EQ(seen["Throws"].status, 2);
  EXPECT_EQ(seen["Throws"].status_message, "unwound by an exception");
  EXPECT_EQ(seen["step"].status, 2);
  EXPECT_EQ(seen["clean up"].status, 0) << "it began while the exception unwound";
  EXPECT_EQ(seen["around"].status, 0);
  EXPECT_EQ(seen["after"].status, 0);
}

TEST_F(CppTest, MacrosNestWithTheirModulesTarget) {
  auto seen = Emitted([] {
    SLUICE_SPAN("outer", {"k", 1});
    SLUICE_DEBUG_SPAN("inner");
    SLUICE_ERROR("broken", {"why", "disk"}, {"again", false});
  });
  EXPECT_EQ(seen["inner"].parent_id, seen["outer"].span_id);
  EXPECT_EQ(seen["broken"].span_id, seen["inner"].span_id);
  EXPECT_EQ(seen["broken"].target, "app::test");
  EXPECT_EQ(seen["broken"].level, 1);
  EXPECT_THAT(seen["broken"].attributes, ElementsAre(Pair("again", "false"), Pair("why", "disk")));
}

TEST_F(CppTest, ATargetIsNeverEmpty) {
  auto seen = Emitted([] {
    const Span span("no target");
    Event("nor here");
  });
  EXPECT_EQ(seen["no target"].target, "client_cpp_test");
  EXPECT_EQ(seen["nor here"].target, "client_cpp_test");
  static_assert(internal::ModuleOf("/home/x/users/create_user.cc") == "create_user");
}

TEST_F(CppTest, ValuesOfAllSortsBecomeAttributes) {
  using std::chrono::milliseconds;
  const std::vector<std::string> names = {"a", "b"};
  auto seen = Emitted([&] {
    const Span span("values", {{"stream", Point{1, 2}},
                               {"stringify", Version{3}},
                               {"enum", Mode::kFast},
                               {"duration", milliseconds(1500)},
                               {"time", std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) +
                                            std::chrono::seconds(1)},
                               {"some", std::optional<int>(4)},
                               {"none", std::optional<int>()},
                               {"list", names},
                               {"points", std::vector<Point>{{1, 2}, {3, 4}}},
                               {"map", std::map<std::string, int>{{"x", 1}}},
                               {"path", std::filesystem::path("/etc/hosts")},
                               {"exception", std::runtime_error("boom")},
                               {"throws", Unprintable()},
                               {"json", Json{"{\"a\":1}"}},
                               {"large", UINT64_MAX}});
  });
  const auto& attributes = seen["values"].attributes;
  EXPECT_EQ(attributes.at("stream"), "1,2");
  EXPECT_EQ(attributes.at("stringify"), "v3");
  EXPECT_EQ(attributes.at("enum"), "3");
  EXPECT_EQ(attributes.at("duration"), "1.500000");
  EXPECT_EQ(attributes.at("time"), "2026-11-20T00:00:01.000000000Z");
  EXPECT_EQ(attributes.at("some"), "4");
  EXPECT_EQ(attributes.count("none"), 0u);
  EXPECT_EQ(attributes.count("throws"), 0u);
  EXPECT_EQ(attributes.at("path"), "/etc/hosts");
  EXPECT_EQ(attributes.at("exception"), "boom");
  EXPECT_EQ(attributes.at("json"), "{\"a\":1}");
  EXPECT_EQ(attributes.at("large"), std::to_string(INT64_MAX));
  // Encoded ArrayValue and KeyValueList.
  EXPECT_EQ(attributes.at("list"), "\n\3\n\1a\n\3\n\1b");
  EXPECT_EQ(attributes.at("points"), "\n\5\n\0031,2\n\5\n\0033,4");
  EXPECT_EQ(attributes.at("map"), "\n\7\n\1x\x12\2\x18\1");
}

TEST_F(CppTest, OfAKeySetTwiceTheLastValueIsAllThatTravels) {
  Emitted([] {
    Span span("twice", {{"a", 1}, {"b", Bare{"bare"}}, {"c", Bare{"bare"}}});
    span.SetAttribute("a", "now longer than it was");
    span.SetAttribute("b", 2);
  });
  const SeenRecord last = Agent().records().back();
  EXPECT_EQ(last.name, "twice");
  EXPECT_EQ(last.attributes.at("a"), "now longer than it was");
  EXPECT_EQ(last.attributes.at("b"), "2");
  EXPECT_THAT(last.bare, ElementsAre("c"));
  // Each key once on the wire.
  size_t count = 0;
  for (size_t at = 0; (at = last.encoded.find("\x0a\x01\x61", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 1u);
}

TEST_F(CppTest, ErrorsFailTheSpanAndSayWhy) {
  auto seen = Emitted([] {
    Span("thrown").RecordError(std::runtime_error("no disk"));
    Span("code").RecordError(std::make_error_code(std::errc::no_such_file_or_directory));
    Span("status").RecordError(Status{"not found"});
  });
  EXPECT_EQ(seen["thrown"].status_message, "no disk");
  EXPECT_EQ(seen["thrown"].status, 2);
  EXPECT_EQ(seen["code"].status_message, "No such file or directory");
  EXPECT_EQ(seen["status"].status_message, "not found");
}

TEST_F(CppTest, AnErrorIsAnEventOfItsSpan) {
  auto seen = Emitted([] {
    Span span("fails", {}, {.target = "app::disk"});
    span.RecordError(std::runtime_error("no disk"));
  });
  const SeenRecord& event = seen["exception"];
  EXPECT_EQ(event.span_id, seen["fails"].span_id);
  EXPECT_EQ(event.target, "app::disk");
  EXPECT_EQ(event.level, 1);
  EXPECT_THAT(event.attributes, ElementsAre(Pair("exception.message", "no disk"),
                                            Pair("exception.type", "std::runtime_error")));
}

TEST_F(CppTest, TheTextOfAnExceptionThatLeavesInScopeIsKept) {
  auto seen = Emitted([] {
    try {
      Span span("throws");
      span.InScope([] {
        EXPECT_EQ(SpanRef::Current().context().raw().span, SpanRef::Current().handle());
        throw std::runtime_error("why it threw");
      });
    } catch (const std::runtime_error&) {
    }
  });
  EXPECT_EQ(seen["throws"].status_message, "why it threw");
}

TEST_F(CppTest, RecordKeepsValuesAndErrorsOfResults) {
  auto seen = Emitted([] {
    EXPECT_EQ(Span("value").Record(41), 41);
    EXPECT_TRUE(Span("expected").Record(Result<int>{true, 7}).has_value());
    Span("unexpected").Record(Result<int>{false});
    Span("ok").Record(Status{});
    Span("not ok").Record(Status{"denied"}, "login");
  });
  EXPECT_EQ(seen["value"].attributes.at("return"), "41");
  EXPECT_EQ(seen["expected"].attributes.at("return"), "7");
  EXPECT_EQ(seen["unexpected"].status_message, "no such user");
  EXPECT_EQ(seen["ok"].status, 0);
  EXPECT_EQ(seen["not ok"].status_message, "denied");
}

TEST_F(CppTest, CurrentRenameLinksAndTimes) {
  Context other;
  auto seen = Emitted([&] {
    {
      const Span linked("linked");
      other = linked.context();
    }
    Span span("first", {}, {.start = UnixTime(1'000'000'000)});
    SpanRef::Current().SetAttribute("by", "current");
    SpanRef::Current().Rename("second");
    span.AddLink(other, {{"kind", "cause"}});
    span.End(UnixTime(3'000'000'000));
    Event("then", {}, {.time = UnixTime(5)});
  });
  ASSERT_EQ(seen.count("second"), 1u);
  const SeenRecord& span = seen["second"];
  EXPECT_EQ(span.attributes.at("by"), "current");
  EXPECT_EQ(span.start, 1'000'000'000u);
  EXPECT_EQ(span.end, 3'000'000'000u);
  EXPECT_THAT(span.encoded,
              HasSubstr(std::string(reinterpret_cast<const char*>(other.raw().span_id), 8)));
}

TEST_F(CppTest, NothingIsComputedWhereNobodyWantsIt) {
  sluice_widest_level = SLUICE_ERROR;
  int computed = 0;
  const auto compute = [&] { return ++computed; };
  SLUICE_INFO("quiet", {"k", compute()});
  SLUICE_SPAN("quiet", {"k", compute()});
  SLUICE_FUNCTION(.fields = {{"k", compute()}});
  { SLUICE_FUNCTION(.level = Level::kWarn, .fields = {{"k", compute()}}); }
  sluice_widest_level = SLUICE_TRACE;
  EXPECT_EQ(computed, 0);
}

TEST_F(CppTest, AFunctionsLevelIsReadOfWhatIsWrittenOrTakenForWanted) {
  using internal::NamedLevel;
  static_assert(NamedLevel("") == Level::kInfo);
  static_assert(NamedLevel(".level = sluice::Level::kDebug, .fields = {}") == Level::kDebug);
  static_assert(NamedLevel(".name = \"x\", .level=Level::kTrace") == Level::kTrace);
  static_assert(NamedLevel(".level = ::sluice::Level::kWarn , .kind = k") == Level::kWarn);
  static_assert(NamedLevel(".level = loud ? Level::kInfo : Level::kDebug") == Level::kError);
  static_assert(NamedLevel(".level = level") == Level::kError);
  static_assert(NamedLevel(".level = Levels(Level::kDebug)") == Level::kError);
  static_assert(NamedLevel(".fields = {{\".level\", 1}}") == Level::kError);
  static_assert(NamedLevel(".fields = {{\"k\", \".level = kTrace, v\"}}") == Level::kError);
}

TEST_F(CppTest, EnteredTimeIsBusyTime) {
  auto seen = Emitted([] {
    const Span span = Span::Detached("entered");
    {
      const SpanScope scope = span.Enter();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  });
  const SeenRecord& span = seen["entered"];
  EXPECT_GE(span.busy_ns, 2'000'000u);
  EXPECT_LE(span.busy_ns, span.end - span.start - 2'000'000u);
}

TEST_F(CppTest, WhereAStatementStandsIsKeptOnDemand) {
  auto seen = Emitted([] { Event("here", {{"k", 1}}, {.source = SLUICE_HERE}); });
  EXPECT_THAT(seen["here"].attributes.at("code.file.path"), HasSubstr("cpp_test.cc"));
  EXPECT_EQ(seen["here"].attributes.count("code.line.number"), 1u);
}

TEST_F(CppTest, BaggageBecomesAttributesByTheAllowList) {
  auto seen = Emitted([] {
    const Context base = Context::Current().WithBaggage("app.b", "2").WithBaggage("secret", "no");
    const ContextScope scope(base.WithBaggage("run_id", "r 1").WithBaggage("app.a", "1"));
    const Span outer("outer", {{"own", 1}});
    const Span inner = Span::Detached("inner", {}, {.parent = outer.context()});
    EXPECT_EQ(inner.context().Baggage("run_id"), "r 1");
    EXPECT_EQ(inner.context().InjectBaggage(), "app.b=2,secret=no,run_id=r%201,app.a=1");
  });
  for (const char* name : {"outer", "inner"}) {
    EXPECT_EQ(seen[name].attributes.at("run_id"), "r 1") << name;
    EXPECT_EQ(seen[name].attributes.at("app.a"), "1") << name;
    EXPECT_EQ(seen[name].attributes.at("app.b"), "2") << name;
    EXPECT_EQ(seen[name].attributes.count("secret"), 0u) << name;
  }
}

TEST_F(CppTest, BaggageReplacesWhatTheSpanHasUnderItsKeys) {
  Emitted([] {
    const ContextScope scope(
        Context().WithBaggage("run_id", "of the run").WithBaggage("app.x", "1"));
    const Span span("own", {{"run_id", Bare{"own"}}, {"other", 1}});
  });
  const SeenRecord span = Agent().records().back();
  EXPECT_EQ(span.attributes.at("run_id"), "of the run");
  EXPECT_THAT(span.attributes, SizeIs(3));
  EXPECT_THAT(span.bare, IsEmpty());
  EXPECT_EQ(span.encoded.find("own", span.encoded.find("own") + 1), std::string::npos);
}

TEST_F(CppTest, BaggageLongerThanASlotIsOnTheSpanAllTheSame) {
  auto seen = Emitted([] {
    const ContextScope scope(
        Context().WithBaggage("app.long", std::string(600, 'x')).WithBaggage("run_id", "short"));
    const Span span("long");
  });
  EXPECT_EQ(seen["long"].attributes.at("app.long"), std::string(600, 'x'));
  EXPECT_EQ(seen["long"].attributes.at("run_id"), "short");
}

TEST_F(CppTest, BaggageSetLaterConcernsLaterSpans) {
  auto seen = Emitted([] {
    const Span before("before");
    const ContextScope scope(Context::Current().WithBaggage("run_id", "late"));
    const Span after("after");
  });
  EXPECT_EQ(seen["before"].attributes.count("run_id"), 0u);
  EXPECT_EQ(seen["after"].attributes.at("run_id"), "late");
}

TEST_F(CppTest, BaggageCrossesProcessesAsText) {
  const Context context =
      Context::Extract("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", {},
                       "run_id=r1;ttl=5, bad member ,app.x=%C3%A4");
  EXPECT_EQ(context.Baggage("run_id"), "r1");
  EXPECT_EQ(context.Baggage("app.x"), "ä");
  EXPECT_EQ(context.InjectBaggage(), "run_id=r1;ttl=5,app.x=%C3%A4");
  EXPECT_EQ(context.WithoutBaggage("run_id").Baggage("run_id"), "");
  EXPECT_EQ(Context().InjectBaggage(), "");
}

TEST_F(CppTest, ManyBaggagesAreForgottenNotMixedUp) {
  const Context first = Context().WithBaggage("run_id", "first");
  for (int i = 0; i < 20'000; ++i) Context().WithBaggage("run_id", std::to_string(i));
  EXPECT_EQ(first.Baggage("run_id"), "");
  EXPECT_EQ(Context().WithBaggage("run_id", "again").Baggage("run_id"), "again");
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::testing::FakeAgent& agent = sluice::testing::Agent();
  sluice::Init({.socket_path = agent.socket_path(), .baggage_keys = "run_id, app.*"});
  const int result = RUN_ALL_TESTS();
  agent.Stop();
  return result;
}
