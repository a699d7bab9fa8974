#include "agent/lines/format.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/text/escape.h"
#include "proto/wire/utf8.h"
#include "sluice/v1/record.pb.h"

namespace sluice::lines {
namespace {

using nlohmann::json;

// 2026-11-20T09:27:53.502904123Z
constexpr uint64_t kTime = 1'795'166'873'502'904'123;

// A record under construction, and its view.
class TestRecord {
 public:
  static TestRecord Event(v1::Level level, const std::string& target) {
    TestRecord record(level, target);
    record.message_.set_kind(v1::RECORD_KIND_EVENT);
    record.message_.mutable_event()->set_time_unix_nano(kTime);
    return record;
  }
  static TestRecord Span(v1::RecordKind kind, const std::string& target) {
    TestRecord record(v1::LEVEL_INFO, target);
    record.message_.set_kind(kind);
    auto* span = record.message_.mutable_span();
    span->set_trace_id(std::string(16, '\x11'));
    span->set_span_id(std::string(8, '\x22'));
    span->set_start_time_unix_nano(kTime);
    return record;
  }

  TestRecord& Message(const std::string& text) {
    message_.mutable_event()->mutable_body()->set_string_value(text);
    return *this;
  }
  TestRecord& Text(const std::string& key, const std::string& value, bool bare = false) {
    if (bare) message_.add_bare_attributes(static_cast<uint32_t>(count_));
    Add(key)->set_string_value(value);
    return *this;
  }
  TestRecord& Int(const std::string& key, int64_t value) {
    Add(key)->set_int_value(value);
    return *this;
  }
  TestRecord& Bool(const std::string& key, bool value) {
    Add(key)->set_bool_value(value);
    return *this;
  }
  TestRecord& Double(const std::string& key, double value) {
    Add(key)->set_double_value(value);
    return *this;
  }
  otlp::v1::AnyValue* Add(const std::string& key) {
    auto* attribute = message_.kind() == v1::RECORD_KIND_EVENT
                          ? message_.mutable_event()->add_attributes()
                          : message_.mutable_span()->add_attributes();
    ++count_;
    attribute->set_key(key);
    return attribute->mutable_value();
  }
  v1::Record& proto() { return message_; }

  const RecordView& view() {
    encoded_ = message_.SerializeAsString();
    view_ = *ReadRecord(encoded_);
    return view_;
  }

 private:
  TestRecord(v1::Level level, const std::string& target) {
    message_.set_level(level);
    message_.set_target(target);
  }

  v1::Record message_;
  int count_ = 0;
  std::string encoded_;
  RecordView view_;
};

std::string EventLine(const LineOptions& options, TestRecord record,
                      const std::vector<SpanContextItem>& context = {}) {
  std::string out;
  LineFormat(options).AppendEvent({&record.view(), context}, &out);
  return out;
}

std::string FieldsOf(const LineOptions& options, TestRecord record) {
  std::string out;
  LineFormat(options).AppendFields(record.view(), &out);
  return out;
}

TestRecord InnerSpan() {
  return TestRecord::Span(v1::RECORD_KIND_SPAN_START, "shape")
      .Text("user", "az\"ure\nroot")
      .Int("n", 7);
}

TEST(LineFormatTest, LeavesOutATargetThatIsEmpty) {
  const std::vector<SpanContextItem> context = {{"greet", ""}};
  const TestRecord event = TestRecord::Event(v1::LEVEL_INFO, "").Message("said hello");
  EXPECT_EQ(EventLine({}, event, context).substr(27), "  INFO greet: said hello\n");
  EXPECT_EQ(EventLine({}, event).substr(27), "  INFO said hello\n");
}

TEST(LineFormatTest, ShowsWhenItCameWhereNoTimeIsStated) {
  TestRecord event = TestRecord::Event(v1::LEVEL_INFO, "t").Message("m");
  event.proto().mutable_event()->clear_time_unix_nano();
  LineInput input{&event.view()};
  input.received_unix_nano = kTime;
  for (const LineStyle style : {LineStyle::kText, LineStyle::kJson, LineStyle::kLogfmt}) {
    LineOptions options;
    options.style = style;
    std::string line;
    LineFormat(options).AppendEvent(input, &line);
    EXPECT_EQ(line.find("1970"), std::string::npos) << line;
  }
}

TEST(LineFormatTest, PrintsAnEventAsAzureInitDoes) {
  const std::string inner = FieldsOf({}, InnerSpan());
  EXPECT_EQ(inner, R"(user="az\"ure\nroot" n=7)");
  const std::vector<SpanContextItem> context = {{"outer", ""}, {"inner", inner}};
  EXPECT_EQ(EventLine({},
                      TestRecord::Event(v1::LEVEL_WARN, "shape")
                          .Message("retrying")
                          .Int("retries", 3)
                          .Bool("ok", false),
                      context),
            "2026-11-20T09:27:53.502904Z  WARN outer:inner{user=\"az\\\"ure\\nroot\" n=7}: shape: "
            "retrying retries=3 ok=false\n");
}

TEST(LineFormatTest, PrintsQuotedTextQuotedAndBareTextBare) {
  EXPECT_EQ(EventLine({}, TestRecord::Event(v1::LEVEL_INFO, "shape")
                              .Message("report")
                              .Text("health_report", "result=success|agent=x")
                              .Text("path", "/a b", true)),
            "2026-11-20T09:27:53.502904Z  INFO shape: report "
            "health_report=\"result=success|agent=x\" path=/a b\n");
}

TEST(LineFormatTest, PrintsAMessageThatIsAFieldInItsPlaceWithoutKeyAndQuotes) {
  const std::string head = "2026-11-20T09:27:53.502904Z  INFO shape: ";
  const auto event = [] { return TestRecord::Event(v1::LEVEL_INFO, "shape"); };
  EXPECT_EQ(EventLine({}, event().Int("a", 1).Text("message", "late\n")), head + "a=1 late\\n\n");
  EXPECT_EQ(EventLine({}, event().Int("message", 5).Int("a", 4)), head + "5 a=4\n");
  EXPECT_EQ(EventLine({}, event().Text("error", "no disk", true)), head + "error=no disk\n");
  EXPECT_EQ(EventLine({}, event().Message("body").Text("message", "field")),
            head + "body message=\"field\"\n");
  EXPECT_EQ(FieldsOf({}, TestRecord::Span(v1::RECORD_KIND_SPAN_START, "shape").Int("message", 5)),
            "message=5");
}

TEST(LineFormatTest, PrintsNoSpanNoMessageAndEveryLevel) {
  EXPECT_EQ(EventLine({}, TestRecord::Event(v1::LEVEL_DEBUG, "shape").Double("x", 1.0)),
            "2026-11-20T09:27:53.502904Z DEBUG shape: x=1.0\n");
  EXPECT_EQ(EventLine({}, TestRecord::Event(v1::LEVEL_ERROR, "t").Message("m")),
            "2026-11-20T09:27:53.502904Z ERROR t: m\n");
  EXPECT_EQ(EventLine({}, TestRecord::Event(v1::LEVEL_TRACE, "t").Message("m")),
            "2026-11-20T09:27:53.502904Z TRACE t: m\n");
}

TEST(LineFormatTest, PrintsASpansLife) {
  TestRecord start = TestRecord::Span(v1::RECORD_KIND_SPAN_START, "shape");
  const std::vector<SpanContextItem> context = {{"outer", ""}};
  const LineFormat format{LineOptions()};
  std::string out;
  format.AppendSpanNew({&start.view(), context}, &out);
  EXPECT_EQ(out, "2026-11-20T09:27:53.502904Z  INFO outer: shape: new\n");

  TestRecord end = TestRecord::Span(v1::RECORD_KIND_SPAN, "shape");
  end.proto().mutable_span()->set_end_time_unix_nano(kTime + 26'300);
  end.proto().set_busy_ns(15'200);
  out.clear();
  format.AppendSpanClose({&end.view(), context}, kTime, &out);
  EXPECT_EQ(out,
            "2026-11-20T09:27:53.502930Z  INFO outer: shape: close time.busy=15.2µs "
            "time.idle=11.1µs\n");
}

// A span that ended 26.3 us after its start, as failed.
TestRecord FailedSpan(const std::string& message) {
  TestRecord end = TestRecord::Span(v1::RECORD_KIND_SPAN, "shape");
  auto* const span = end.proto().mutable_span();
  span->set_end_time_unix_nano(kTime + 26'300);
  span->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  span->mutable_status()->set_message(message);
  end.proto().set_level(v1::LEVEL_ERROR);
  return end;
}

std::string CloseLine(const LineOptions& options, TestRecord end) {
  const std::vector<SpanContextItem> context = {{"work", ""}};
  std::string out;
  LineFormat(options).AppendSpanClose({&end.view(), context}, kTime, &out);
  return out;
}

TEST(LineFormatTest, SaysWhyASpanFailed) {
  EXPECT_EQ(CloseLine({}, FailedSpan("exit \"status\"\n7")),
            "2026-11-20T09:27:53.502930Z ERROR work: shape: close time.busy=26.3µs "
            "time.idle=0.00ns error=\"exit \\\"status\\\"\\n7\"\n");
  EXPECT_TRUE(CloseLine({}, FailedSpan("")).ends_with(" time.idle=0.00ns error=\"\"\n"));
  LineOptions options;
  options.color = true;
  EXPECT_TRUE(CloseLine(options, FailedSpan("m"))
                  .ends_with("=\x1b[0m0.00ns \x1b[3merror\x1b[0m\x1b[2m=\x1b[0m\"m\"\n"));
  options = {.style = LineStyle::kLogfmt};
  EXPECT_TRUE(
      CloseLine(options, FailedSpan("no way"))
          .find(" msg=close busy=26.3µs idle=0.00ns status=error error=\"no way\" trace_id=") !=
      std::string::npos)
      << CloseLine(options, FailedSpan("no way"));
  EXPECT_EQ(CloseLine(options, FailedSpan("")).find(" error="), std::string::npos);
}

TEST(LineFormatTest, SaysWhyASpanFailedInJson) {
  LineOptions options;
  options.style = LineStyle::kJson;
  const json line = json::parse(CloseLine(options, FailedSpan("exit status 7")));
  EXPECT_EQ(line["level"], "ERROR");
  EXPECT_EQ(line["status"], "error");
  EXPECT_EQ(line["error"], "exit status 7");
  EXPECT_FALSE(line.contains("aborted"));
  TestRecord ended = FailedSpan("");
  ended.proto().mutable_span()->clear_status();
  const json well = json::parse(CloseLine(options, std::move(ended)));
  EXPECT_FALSE(well.contains("status") || well.contains("error")) << well;
}

TEST(LineFormatTest, SaysWhyTheAgentEndedASpan) {
  const auto aborted = [] {
    return FailedSpan("aborted: signal 9 (SIGKILL)")
        .Text("sluice.abort.cause", "signal 9 (SIGKILL)");
  };
  EXPECT_TRUE(CloseLine({}, aborted()).ends_with(" error=\"aborted: signal 9 (SIGKILL)\"\n"));
  LineOptions options;
  options.style = LineStyle::kJson;
  const json line = json::parse(CloseLine(options, aborted()));
  EXPECT_EQ(line["error"], "aborted: signal 9 (SIGKILL)");
  EXPECT_EQ(line["aborted"], "signal 9 (SIGKILL)");
  options.style = LineStyle::kLogfmt;
  EXPECT_NE(CloseLine(options, aborted()).find(" aborted=\"signal 9 (SIGKILL)\" "),
            std::string::npos);
}

TEST(LineFormatTest, TakesASpanThatWasNotMeasuredForAlwaysBusy) {
  TestRecord end = TestRecord::Span(v1::RECORD_KIND_SPAN, "t");
  end.proto().mutable_span()->set_end_time_unix_nano(kTime + 5'000'000'000);
  std::string out;
  LineFormat(LineOptions()).AppendSpanClose({&end.view()}, kTime, &out);
  EXPECT_TRUE(out.ends_with(" t: close time.busy=5.00s time.idle=0.00ns\n")) << out;
}

TEST(LineFormatTest, PaintsAsTracingSubscriberDoes) {
  LineOptions options;
  options.color = true;
  const std::vector<SpanContextItem> context = {{"outer", ""}};
  EXPECT_EQ(
      EventLine(options, TestRecord::Event(v1::LEVEL_INFO, "t").Message("m").Int("k", 1), context),
      "\x1b[2m2026-11-20T09:27:53.502904Z\x1b[0m \x1b[32m INFO\x1b[0m "
      "\x1b[1mouter\x1b[0m\x1b[2m:\x1b[0m \x1b[2mt\x1b[0m\x1b[2m:\x1b[0m m "
      "\x1b[3mk\x1b[0m\x1b[2m=\x1b[0m1\n");
}

TEST(LineFormatTest, PutsThePriorityInFrontForTheJournal) {
  LineOptions options;
  options.priority = true;
  EXPECT_TRUE(EventLine(options, TestRecord::Event(v1::LEVEL_ERROR, "t")).starts_with("<3>2026"));
  EXPECT_TRUE(EventLine(options, TestRecord::Event(v1::LEVEL_TRACE, "t")).starts_with("<7>2026"));
}

TEST(LineFormatTest, CutsWhatJournaldWouldSplit) {
  LineOptions options;
  options.priority = true;
  const std::string line =
      EventLine(options, TestRecord::Event(v1::LEVEL_INFO, "t").Message(std::string(60'000, 'x')));
  EXPECT_LE(line.size(), 48'000u);
  EXPECT_TRUE(line.ends_with(" bytes]\n"));
}

TEST(LineFormatTest, WritesJsonWithTheSendersIdentity) {
  Identity sender;
  sender.pid = 7;
  sender.uid = 1000;
  sender.unit = "a.service";
  LineOptions options;
  options.style = LineStyle::kJson;
  TestRecord record = TestRecord::Event(v1::LEVEL_INFO, "t").Message("hi\n").Text("_uid", "0");
  record.Add("list")->mutable_array_value()->add_values()->set_int_value(1);
  const std::string fields = FieldsOf(options, InnerSpan());
  const std::vector<SpanContextItem> context = {{"inner", fields}};
  std::string out;
  LineFormat(options).AppendEvent({&record.view(), context, &sender, "svc"}, &out);
  const json line = json::parse(out);
  EXPECT_EQ(line, json::parse(R"({"time":"2026-11-20T09:27:53.502904123Z","level":"INFO",
      "target":"t","message":"hi\n","fields":{"_uid":"0","list":[1]},
      "spans":[{"name":"inner","fields":{"user":"az\"ure\nroot","n":7}}],"service":"svc",
      "_pid":7,"_uid":1000,"_gid":0,"_unit":"a.service"})"));
}

TEST(LineFormatTest, WritesASpansLifeAsJson) {
  LineOptions options;
  options.style = LineStyle::kJson;
  TestRecord end = TestRecord::Span(v1::RECORD_KIND_SPAN, "t");
  end.proto().mutable_span()->set_end_time_unix_nano(kTime + 10);
  const std::vector<SpanContextItem> context = {{"job", ""}};
  std::string out;
  LineFormat(options).AppendSpanClose({&end.view(), context}, kTime, &out);
  const json line = json::parse(out);
  EXPECT_EQ(line["kind"], "close");
  EXPECT_EQ(line["span"], "job");
  EXPECT_EQ(line["busy_ns"], 10);
  EXPECT_EQ(line["span_id"], "2222222222222222");
}

TEST(LineFormatTest, WritesLogfmtInWhichNoSenderCanPassForTheKernel) {
  Identity sender;
  sender.pid = 7;
  LineOptions options;
  options.style = LineStyle::kLogfmt;
  TestRecord record =
      TestRecord::Event(v1::LEVEL_WARN, "t").Message("a b").Text("_uid", "0").Text("msg", "x=1");
  const std::vector<SpanContextItem> context = {{"outer", ""}, {"inner", "k=\"v\""}};
  std::string out;
  LineFormat(options).AppendEvent({&record.view(), context, &sender}, &out);
  EXPECT_EQ(out,
            "ts=2026-11-20T09:27:53.502904123Z level=warn target=t "
            "span=\"outer:inner{k=\\\"v\\\"}\" msg=\"a b\" \\x5fuid=0 \\x6dsg=\"x=1\" _pid=7 "
            "_uid=0 _gid=0\n");
}

// Texts that break lines, terminals, quoting or parsers.
std::vector<std::string> HostileTexts() {
  std::vector<std::string> texts = {"a\nb",
                                    "\r\n",
                                    std::string("\0x", 2),
                                    "\x1b[2J\x1b]0;title\x07",
                                    "\xc2\x9b"
                                    "31m",
                                    "\xe2\x80\xae"
                                    "drow",
                                    "\xe2\x80\xa8",
                                    "\\n",
                                    "\\",
                                    "\"",
                                    "a=b c=d",
                                    "}: fake: message",
                                    "2026-11-20T00:00:00.000000Z ERROR root: forged",
                                    "<0>emerg",
                                    "e\xcc\x81",
                                    "\x7f",
                                    "\xf3\xa0\x81\x81",
                                    "\xef\xbb\xbf",
                                    "ro\xe2\x80\x8bot",
                                    "{\"a\":1}",
                                    "\t \t",
                                    ""};
  for (int c = 1; c < 0x20; ++c) texts.push_back("x" + std::string(1, static_cast<char>(c)));
  return texts;
}

bool HasControl(std::string_view line) {
  while (!line.empty()) {
    const Utf8Unit unit = DecodeUtf8(line);
    const char32_t c = unit.code_point;
    if (!unit.valid || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200b || c == 0xfeff ||
        (c >= 0x2028 && c <= 0x202e) || (c >= 0xe0000 && c <= 0xe0fff)) {
      return true;
    }
    line.remove_prefix(unit.size);
  }
  return false;
}

TestRecord Hostile(const std::string& text) {
  return TestRecord::Event(v1::LEVEL_INFO, text)
      .Message(text)
      .Text("quoted", text)
      .Text("bare", text, true)
      .Text(text, "value");
}

TEST(LineFormatTest, HostileTextGivesOneLineWithoutControlBytesInEveryStyle) {
  for (const std::string& text : HostileTexts()) {
    for (const LineStyle style : {LineStyle::kText, LineStyle::kJson, LineStyle::kLogfmt}) {
      LineOptions options;
      options.style = style;
      const std::string fields = FieldsOf(options, Hostile(text));
      const std::vector<SpanContextItem> context = {{text, fields}};
      const std::string line = EventLine(options, Hostile(text), context);
      ASSERT_EQ(line.find('\n'), line.size() - 1) << line;
      EXPECT_FALSE(HasControl(std::string_view(line).substr(0, line.size() - 1))) << line;
    }
  }
}

TEST(LineFormatTest, HostileTextComesBackFromATextLine) {
  for (const std::string& text : HostileTexts()) {
    const std::vector<SpanContextItem> context = {{text, ""}};
    const std::string line = EventLine({}, Hostile(text), context);
    // An empty target is left out.
    const std::string target = text.empty() ? "" : text + ": ";
    const std::string expected = "2026-11-20T09:27:53.502904Z  INFO " + text + ": " + target +
                                 text + " quoted=\"" + text + "\" bare=" + text + " " + text +
                                 "=\"value\"\n";
    EXPECT_EQ(Unescape(line), expected);
  }
}

TEST(LineFormatTest, HostileTextComesBackFromAJsonLine) {
  LineOptions options;
  options.style = LineStyle::kJson;
  for (const std::string& text : HostileTexts()) {
    const json line = json::parse(EventLine(options, Hostile(text), {}));
    EXPECT_EQ(line.value("target", ""), text);
    EXPECT_EQ(line.value("message", ""), text);
    EXPECT_EQ(line["fields"]["quoted"], text);
    EXPECT_EQ(line["fields"][text], "value");
  }
}

}  // namespace
}  // namespace sluice::lines
