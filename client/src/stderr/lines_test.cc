#include "client/src/stderr/lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "client/src/recorder.h"
#include "client/src/stderr/filter.h"
#include "client/src/thread_state.h"
#include "client/src/wanted_levels.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

LevelTable Parse(std::string_view text) {
  std::string unread;
  LevelTable table = ParseStderrFilter(text, &unread);
  EXPECT_EQ(unread, "") << text;
  return table;
}

TEST(StderrFilterTest, TakesTheLongestTarget) {
  const LevelTable table = Parse(" warn , app = DEBUG,app::db=off,other,app::db::pool=error,");
  EXPECT_EQ(table.For("x"), Level::kWarn);
  EXPECT_EQ(table.For("app"), Level::kDebug);
  EXPECT_EQ(table.For("application"), Level::kDebug);
  EXPECT_EQ(table.For("app::db::query"), Level::kUnspecified);
  EXPECT_EQ(table.For("app::db::pool"), Level::kError);
  EXPECT_EQ(table.For("other::x"), Level::kTrace);
  EXPECT_EQ(table.Widest(), Level::kTrace);
}

TEST(StderrFilterTest, IsOffWhereNothingIsSaid) {
  EXPECT_EQ(Parse("").Widest(), Level::kUnspecified);
  EXPECT_EQ(Parse("off").Widest(), Level::kUnspecified);
  EXPECT_EQ(Parse("app=info").For("x"), Level::kUnspecified);
}

TEST(StderrFilterTest, TakesTheLaterOfTwoForTheSame) {
  EXPECT_EQ(Parse("info,app=trace,debug,app=warn").For("app"), Level::kWarn);
  EXPECT_EQ(Parse("info,debug").For("x"), Level::kDebug);
}

TEST(StderrFilterTest, NamesTheFirstPieceThatItCannotRead) {
  std::string unread;
  const LevelTable table = ParseStderrFilter("info,a=loud,[span]=debug,b=debug", &unread);
  EXPECT_EQ(unread, "a=loud");
  EXPECT_EQ(table.For("a"), Level::kInfo);
  EXPECT_EQ(table.For("b"), Level::kDebug);
  for (const char* bad : {"=info", "a=", "a=b=info", "a[b]", "a b", "a={x}"}) {
    ParseStderrFilter(bad, &unread);
    EXPECT_EQ(unread, bad);
  }
}

// A pipe, both ends non-blocking.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(ends_, O_NONBLOCK | O_CLOEXEC), 0); }
  ~Pipe() {
    CloseReader();
    close(ends_[1]);
  }

  int writer() const { return ends_[1]; }
  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  std::string Read() {
    std::string text;
    char buffer[65536];
    for (ssize_t size; (size = read(ends_[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(size));
    }
    return text;
  }
  // Whole lines.
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    std::string text = Read();
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines.push_back(text.substr(0, end));
    }
    EXPECT_EQ(text, "");
    return lines;
  }

 private:
  int ends_[2];
};

// A Recorder that prints, and whose sender is not there.
class StderrLinesTest : public ::testing::Test {
 protected:
  explicit StderrLinesTest(const std::string& filter = "info,chatty=trace",
                           const StderrPrinter::Output& output = {})
      : lines_(std::make_unique<StderrPrinter>(
            filter, StderrPrinter::Output{pipe_.writer(), output.color, output.priority})),
        ring_(Ring::Create(256 * 1024)),
        pool_(SpanPool::Create(100, 1)),
        recorder_(ring_, pool_, {.lines = &lines_}) {
    thread_state.magazine.count = 0;
    thread_state.current = {};
  }
  ~StderrLinesTest() override {
    SetWantedLevels({});
    thread_state.magazine.count = 0;
    thread_state.current = {};
    pool_->Unmap();
    ring_->Unmap();
    delete pool_;
    delete ring_;
  }

  static sluice_attribute Text(const char* key, const char* value) {
    return {.key = sluice_str(key), .type = SLUICE_STRING, .value = {.text = sluice_str(value)}};
  }
  uint64_t Start(const char* name, sluice_level level = SLUICE_INFO, const char* target = "app",
                 std::vector<sluice_attribute> attributes = {}) {
    return recorder_.StartSpan(
        name, {.size = sizeof(sluice_span_options), .target = sluice_str(target), .level = level},
        {attributes.data(), attributes.size()});
  }
  void Event(const char* message, sluice_level level = SLUICE_INFO, const char* target = "app") {
    recorder_.EmitEvent(message, {.target = sluice_str(target), .level = level});
  }

  Pipe pipe_;
  StderrLines lines_;
  Ring* const ring_;
  SpanPool* const pool_;
  Recorder recorder_;
};

constexpr char kTime[] = "....-..-..T..:..:..\\.......Z ";

TEST_F(StderrLinesTest, PrintsASpansLifeAndWhatHappensInIt) {
  const uint64_t outer = Start("outer");
  const uint64_t inner = Start("inner", SLUICE_WARN, "app::in", {Text("user", "a\"b\nc")});
  Event("hap\x1bpened");
  recorder_.EndSpan(inner);
  Event("after");
  recorder_.EndSpan(outer);
  Event("outside");
  const std::string time = kTime;
  EXPECT_THAT(
      pipe_.Lines(),
      ElementsAre(
          MatchesRegex(time + " INFO outer: app: new"),
          MatchesRegex(time + R"( WARN outer:inner\{user="a\\"b\\nc"\}: app::in: new)"),
          MatchesRegex(time + R"( INFO outer:inner\{user="a\\"b\\nc"\}: app: hap\\u\{1b\}pened)"),
          MatchesRegex(time + R"( WARN outer:inner\{user="a\\"b\\nc"\}: app::in: )"
                              "close time.busy=[0-9.]+.*s time.idle=0.00ns"),
          MatchesRegex(time + " INFO outer: app: after"),
          MatchesRegex(time + " INFO outer: app: close time.busy=.* time.idle=0.00ns"),
          MatchesRegex(time + " INFO app: outside")));
}

TEST_F(StderrLinesTest, SaysWhyASpanFailed) {
  const uint64_t span = Start("span");
  recorder_.SetStatus(span, SLUICE_FAILED, "no \"room\"");
  recorder_.EndSpan(span);
  const uint64_t well = Start("well");
  recorder_.SetStatus(well, SLUICE_FAILED, "not yet");
  recorder_.SetStatus(well, SLUICE_OK, "");
  recorder_.EndSpan(well);
  EXPECT_THAT(
      pipe_.Lines(),
      ElementsAre(HasSubstr(" INFO span: app: new"),
                  MatchesRegex(std::string(kTime) + R"(ERROR span: app: close .* )"
                                                    R"(time.idle=0.00ns error="no \\"room\\"")"),
                  HasSubstr(" INFO well: app: new"),
                  MatchesRegex(".* INFO well: app: close .* time.idle=0.00ns")));
}

class StderrErrorsTest : public StderrLinesTest {
 protected:
  StderrErrorsTest() : StderrLinesTest("error,mute=off") {}
};

TEST_F(StderrErrorsTest, TheEndOfAFailedSpanCountsAsAnError) {
  const uint64_t outer = Start("outer");
  const uint64_t span = Start("span", SLUICE_INFO, "app", {Text("a", "1")});
  const uint64_t mute = Start("mute", SLUICE_INFO, "mute");
  for (const uint64_t one : {mute, span}) {
    recorder_.SetStatus(one, SLUICE_FAILED, "why");
    recorder_.EndSpan(one);
  }
  recorder_.EndSpan(outer);
  EXPECT_THAT(pipe_.Lines(),
              ElementsAre(MatchesRegex(std::string(kTime) +
                                       R"(ERROR span\{a="1"\}: app: close .* error="why")")));
}

TEST_F(StderrLinesTest, ShowsLateFields) {
  const uint64_t span = Start("span", SLUICE_INFO, "app", {Text("a", "1")});
  const sluice_attribute late = Text("b", "2");
  recorder_.SetAttributes(span, {&late, 1});
  Event("now");
  EXPECT_THAT(pipe_.Lines(), ElementsAre(EndsWith("span{a=\"1\"}: app: new"),
                                         EndsWith("span{a=\"1\" b=\"2\"}: app: now")));
}

TEST_F(StderrLinesTest, NamesAParentThatEndedFirst) {
  const uint64_t outer = Start("outer", SLUICE_INFO, "app", {Text("a", "1")});
  const uint64_t inner = Start("inner");
  recorder_.EndSpan(outer);
  pipe_.Read();
  recorder_.EmitSpanEvent(inner, "still", {});
  EXPECT_THAT(pipe_.Lines(), ElementsAre(EndsWith(" outer:inner: app: still")));
}

TEST_F(StderrLinesTest, LeavesOutWhatTheFilterDoes) {
  const uint64_t outer = Start("outer");
  const uint64_t hidden = Start("hidden", SLUICE_DEBUG);
  const uint64_t chatty = Start("inner", SLUICE_TRACE, "chatty");
  Event("unseen", SLUICE_DEBUG);
  Event("seen", SLUICE_TRACE, "chatty");
  for (const uint64_t span : {chatty, hidden, outer}) recorder_.EndSpan(span);
  EXPECT_THAT(pipe_.Lines(),
              ElementsAre(EndsWith("outer: app: new"), EndsWith("outer:inner: chatty: new"),
                          EndsWith("outer:inner: chatty: seen"), HasSubstr("chatty: close"),
                          HasSubstr("app: close")));
}

TEST_F(StderrLinesTest, PrintsWhatTheAgentDoesNotWantAndDoesNotTellIt) {
  SetWantedLevels({.default_level = Level::kInfo});
  const uint64_t outer = Start("outer");
  const sluice_context outer_context = recorder_.ContextOf(outer);
  const uint64_t local = Start("local", SLUICE_TRACE, "chatty", {Text("a", "1")});
  ASSERT_NE(local, 0u);
  const sluice_attribute late = Text("b", "2");
  recorder_.SetAttributes(local, {&late, 1});
  recorder_.SetStatus(local, SLUICE_FAILED, std::string(1000, 'x'));
  // Others see the span around it.
  const sluice_context local_context = recorder_.CurrentContext();
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(local_context.span_id), 8),
            std::string_view(reinterpret_cast<const char*>(outer_context.span_id), 8));
  const uint64_t inner = Start("inner");
  Event("quiet", SLUICE_TRACE, "chatty");
  EXPECT_FALSE(recorder_.PublishOpenSpans(UINT64_MAX));
  std::vector<SpanId> started;
  recorder_.ForEachStarted([&](const TraceId&, const SpanId& id) { started.push_back(id); });
  EXPECT_THAT(started, SizeIs(2));
  for (const uint64_t span : {inner, local, outer}) recorder_.EndSpan(span);
  EXPECT_EQ(recorder_.drops().suppressed.load(), 2u);
  EXPECT_THAT(
      pipe_.Lines(),
      ElementsAre(EndsWith("outer: app: new"), EndsWith("outer:local{a=\"1\"}: chatty: new"),
                  EndsWith("outer:local{a=\"1\" b=\"2\"}:inner: app: new"),
                  EndsWith("outer:local{a=\"1\" b=\"2\"}:inner: chatty: quiet"),
                  HasSubstr("inner: app: close"), HasSubstr("chatty: close"),
                  HasSubstr("outer: app: close")));
}

TEST_F(StderrLinesTest, ALocalRootIsNoTrace) {
  SetWantedLevels({.default_level = Level::kInfo});
  const uint64_t local = Start("local", SLUICE_TRACE, "chatty");
  const uint64_t inner = Start("inner");
  const sluice_context context = recorder_.ContextOf(inner);
  EXPECT_NE(std::string(reinterpret_cast<const char*>(context.trace_id), 16),
            std::string(16, '\0'));
  recorder_.EndSpan(inner);
  recorder_.EndSpan(local);
  EXPECT_EQ(thread_state.current.span, 0u);
  EXPECT_THAT(pipe_.Lines(),
              ElementsAre(HasSubstr("local: chatty: new"), HasSubstr("local:inner: app: new"),
                          HasSubstr("local:inner: app: close"), HasSubstr("local: chatty: close")));
}

TEST_F(StderrLinesTest, LinesOfThreadsDoNotMix) {
  std::vector<std::thread> threads;
  std::atomic<bool> done = false;
  std::vector<std::string> lines;
  std::thread reader([&] {
    std::string text;
    while (!done) text += pipe_.Read();
    text += pipe_.Read();
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines.push_back(text.substr(0, end));
    }
  });
  for (int at = 0; at < 4; ++at) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        lines_.Event({.level = Level::kInfo,
                      .target = "t",
                      .message = "whole",
                      .time = 1,
                      .context = {},
                      .attributes = {},
                      .bare = {}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  for (const std::string& line : lines)
    EXPECT_EQ(line, "1970-01-01T00:00:00.000000Z  INFO t: whole");
}

TEST_F(StderrLinesTest, AStderrThatIsFullLosesLinesAndMixesNone) {
  // Longer than what a pipe takes whole or not at all.
  const std::string text(6000, 'x');
  for (int i = 0; i < 100; ++i) Event(text.c_str());
  const std::string first = pipe_.Read();
  ASSERT_FALSE(first.ends_with('\n'));
  Event("next");
  // The end of what was cut is owed.
  const std::string second = pipe_.Read();
  EXPECT_THAT(second, MatchesRegex("\n" + std::string(kTime) + " INFO app: next\n"));
}

TEST_F(StderrLinesTest, AStderrThatHangsHoldsUpNobodyElse) {
  const uint64_t span = Start("span");
  const std::string page(4096, 'x');
  while (write(pipe_.writer(), page.data(), page.size()) > 0) {
  }
  fcntl(pipe_.writer(), F_SETFL, 0);
  std::thread hung([&] { recorder_.EndSpan(span); });
  // What the sender does meanwhile.
  const auto ended = std::async(std::launch::async, [&] {
    while (recorder_.ContextOf(span).span != 0) recorder_.PublishOpenSpans(UINT64_MAX);
  });
  EXPECT_EQ(ended.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  std::string text;
  while (text.find("close") == std::string::npos) text += pipe_.Read();
  hung.join();
}

TEST_F(StderrLinesTest, AStderrThatIsGoneHarmsNobody) {
  pipe_.CloseReader();
  errno = 42;
  Event("one");
  Event("two");
  EXPECT_EQ(errno, 42);
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

class JournalLinesTest : public StderrLinesTest {
 protected:
  JournalLinesTest() : StderrLinesTest("trace", {.priority = true}) {}
};

TEST_F(JournalLinesTest, BeginWithTheirPriority) {
  Event("bad", SLUICE_ERROR);
  Event("odd", SLUICE_WARN);
  Event("detail", SLUICE_TRACE);
  EXPECT_THAT(pipe_.Lines(), ElementsAre(MatchesRegex("<3>.*bad"), MatchesRegex("<4>.*odd"),
                                         MatchesRegex("<7>.*detail")));
}

class TerminalLinesTest : public StderrLinesTest {
 protected:
  TerminalLinesTest() : StderrLinesTest("trace", {.color = true}) {}
};

TEST_F(TerminalLinesTest, AreColoured) {
  Event("bad", SLUICE_ERROR);
  EXPECT_THAT(pipe_.Lines(), ElementsAre(HasSubstr("\x1b[31mERROR\x1b[0m")));
}

// As a walk over a deep tree with a span a level makes them.
TEST_F(StderrLinesTest, RecordsWithinManyLocalSpansAreNotLost) {
  SetWantedLevels({.default_level = Level::kInfo});
  std::vector<uint64_t> spans;
  for (int depth = 0; depth < 100; ++depth) spans.push_back(Start("s", SLUICE_TRACE, "chatty"));
  Event("within");
  EXPECT_EQ(recorder_.drops().ring_full.load(), 0u);
  for (; !spans.empty(); spans.pop_back()) recorder_.EndSpan(spans.back());
}

// Each begins before the one around it ends: without a limit none would ever be forgotten.
TEST_F(StderrLinesTest, ARowOfSpansWithinEachOtherKeepsABoundedContext) {
  uint64_t before = Start("s");
  for (int i = 0; i < 1000; ++i) {
    const uint64_t next = Start("s");
    recorder_.EndSpan(before);
    before = next;
    for (const std::string& line : pipe_.Lines()) EXPECT_LT(line.size(), 1000u);
  }
  recorder_.EndSpan(before);
}

TEST(StderrPrinterTest, NamesAPieceThatItCannotRead) {
  Pipe pipe;
  StderrPrinter printer("info,x=\x1b[31m", {.fd = pipe.writer()});
  EXPECT_THAT(pipe.Lines(), IsEmpty());
  printer.Complain();
  EXPECT_THAT(pipe.Lines(), ElementsAre(HasSubstr("cannot read 'x=\\u{1b}[31m', left out")));
  EXPECT_TRUE(printer.Wants(Level::kInfo, "y"));
}

}  // namespace
}  // namespace sluice
