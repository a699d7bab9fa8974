// What other programs are given of a trace: OTLP's JSON, Perfetto's, an HTML page; and what is
// taken out of it before it goes elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "client/cli/render/otlp.h"
#include "client/cli/render/perfetto.h"
#include "client/cli/render/plot.h"
#include "client/cli/render/value.h"
#include "client/cli/trace/redact.h"
#include "tests/support/client/trace_records.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

void SetText(const char* key, const std::string& text, otlp::v1::Span* span) {
  auto* const attribute = span->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(text);
}

// A job in two processes with an event in and one outside it, and a step that has not ended.
Records TwoProcesses() {
  Records records;
  records.From(1000, 7, "job").Start('p', 0, 0);
  SetText("secret", "hunter2", records.span());
  records.Event('p', 100, "disk is slow", v1::LEVEL_WARN);
  records.From(0, 9, "disk").Start('d', 'p', 200).From(1000, 7, "job").Whole('q', 'p', 300, 400);
  records.End('p', 1000, "gave up").Event(0, 50, "alone");
  return records;
}

Trace Seen(const Records& records) {
  Trace trace = records.Build();
  trace.seen_unix_nano = kBegin + 2 * kSecond;
  return trace;
}

std::string AttributeOf(const json& resource, const std::string& key) {
  for (const json& attribute : resource["resource"]["attributes"]) {
    if (attribute["key"] == key) return attribute["value"].begin().value();
  }
  return {};
}

TEST(OtlpExportTest, GroupsSpansByTheirProcessAndNamesIt) {
  const Trace trace = Seen(TwoProcesses());
  const json document = json::parse(TextOf(RenderOtlpJson, trace));
  ASSERT_EQ(document["resourceSpans"].size(), 2u);
  const json& job = document["resourceSpans"][0];
  EXPECT_EQ(AttributeOf(job, "service.name"), "job");
  EXPECT_EQ(AttributeOf(job, "sluice.pid"), "7");
  ASSERT_EQ(job["scopeSpans"][0]["spans"].size(), 2u);
  const json& span = job["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(span["traceId"], "11111111111111111111111111111111");
  EXPECT_EQ(span["spanId"], ToHex(SpanIdOf('p')));
  EXPECT_EQ(span["status"]["code"], 2);
  ASSERT_EQ(span["events"].size(), 1u);
  EXPECT_EQ(span["events"][0]["name"], "disk is slow");
  EXPECT_EQ(EventsOutsideSpans(trace), 1u);
}

TEST(OtlpExportTest, GivesASpanThatHasNotEndedNoEnd) {
  const json document = json::parse(TextOf(RenderOtlpJson, Seen(TwoProcesses())));
  const json& open = document["resourceSpans"][1]["scopeSpans"][0]["spans"][0];
  EXPECT_FALSE(open.contains("endTimeUnixNano"));
  EXPECT_EQ(open["attributes"][0]["key"], "sluice.open");
}

TEST(OtlpExportTest, WritesSpansAndEventsAsTheCollectorsFilesHaveThem) {
  std::istringstream lines(TextOf(RenderOtlpLines, Seen(TwoProcesses())));
  std::string spans, events, none;
  ASSERT_TRUE(std::getline(lines, spans) && std::getline(lines, events));
  EXPECT_FALSE(std::getline(lines, none));
  EXPECT_EQ(json::parse(spans)["resourceSpans"].size(), 2u);
  const json document = json::parse(events);
  const json& records = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["body"]["stringValue"], "disk is slow");
  EXPECT_EQ(records[0]["severityText"], "WARN");
  EXPECT_EQ(records[0]["spanId"], ToHex(SpanIdOf('p')));
}

TEST(OtlpExportTest, MovesNoCursorAndTurnsNoTextAround) {
  Records records;
  const std::string hidden =
      "a\xc2\x9b"
      "31m\xe2\x80\xae";
  records.From(1000, 7, "job").Start('p', 0, 0);
  SetText("key", hidden, records.span());
  records.End('p', 1000);
  const std::string text = TextOf(RenderOtlpLines, Seen(records));
  EXPECT_THAT(text, Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae")));
  const json span = json::parse(text)["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_THAT(span["attributes"].dump(), HasSubstr(json(hidden).dump()));
}

TEST(OtlpExportTest, KeepsTheEventsOfASpansOwnOnce) {
  Records records;
  records.Whole('a', 0, 0, 10);
  records.span()->add_events()->set_name("own");
  const Trace trace = Seen(records);
  const json document = json::parse(TextOf(RenderOtlpJson, trace));
  EXPECT_EQ(document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["events"].size(), 1u);
  EXPECT_EQ(EventsOutsideSpans(trace), 0u);
}

// Of each track, spans in order lie within the one before or behind its end.
void ExpectNested(const json& events) {
  std::map<std::pair<int, int>, std::vector<double>> ends;
  for (const json& event : events) {
    if (event["ph"] != "X") continue;
    auto& open = ends[{event["pid"], event["tid"]}];
    const double begin = event["ts"], end = begin + event["dur"].get<double>();
    while (!open.empty() && open.back() <= begin) open.pop_back();
    EXPECT_TRUE(open.empty() || end <= open.back()) << event;
    open.push_back(end);
  }
}

TEST(PerfettoTest, PutsSpansOnTracksWhereTheyLieWithinEachOther) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    Records records;
    for (char id = 'a'; id < 'z'; ++id) {
      const uint64_t begin = random() % 50;
      records.Whole(id, id == 'a' ? 0 : 'a', begin, begin + random() % 30);
    }
    const json document = json::parse(TextOf(RenderPerfetto, Seen(records)));
    EXPECT_EQ(document["traceEvents"].size(), 26u);
    ExpectNested(document["traceEvents"]);
  }
}

TEST(PerfettoTest, ShowsWhatHasNotEndedAndCountsWhatHasNoTime) {
  Records records = TwoProcesses();
  records.End('z', 5);
  const json document = json::parse(TextOf(RenderPerfetto, Seen(records)));
  const auto has = [&](const char* phase, const std::string& name) {
    for (const json& event : document["traceEvents"]) {
      if (event["ph"] == phase && event["name"] == name) return true;
    }
    return false;
  };
  EXPECT_TRUE(has("B", "d"));
  EXPECT_TRUE(has("X", "p"));
  EXPECT_TRUE(has("i", "disk is slow"));
  EXPECT_EQ(document["otherData"]["spans_left_out"], 1);
}

TEST(PlotTest, EscapesWhateverATraceHolds) {
  Records records;
  records.Start('a', 0, 0).End('a', 10, "</div><script>alert(1)</script>");
  SetText("k", "\" onclick=\"x", records.span());
  records.Event('a', 5, "<img src=x>");
  const std::string page = TextOf(RenderPlot, Seen(records));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;/div>&lt;script>alert(1)"));
}

TEST(PlotTest, LoadsNothing) {
  const std::string page = TextOf(RenderPlot, Seen(TwoProcesses()));
  for (const char* const word : {"http://", "https://", "url(", "@import", "<link", " src="}) {
    EXPECT_THAT(page, Not(HasSubstr(word)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(PlotTest, StaysSmall) {
  Records records;
  for (uint64_t i = 0; i < 5000; ++i) {
    records.Whole('x', 0, 0, 0);
    otlp::v1::Span* const span = records.span();
    span->set_span_id(std::string(6, '\1') + static_cast<char>(i / 256) + static_cast<char>(i));
    span->set_name("a_step_with_a_name_of_its_own_" + std::to_string(i));
    span->set_start_time_unix_nano(kBegin + i * 1000);
    span->set_end_time_unix_nano(kBegin + i * 1000 + 77'777);
    SetText("command", std::string(500, 'x'), span);
  }
  const Trace trace = Seen(records);
  ASSERT_EQ(trace.spans.size(), 5000u);
  EXPECT_LE(TextOf(RenderPlot, trace).size(), 2u << 20);
}

std::string RedactedLines(const Records& records) {
  TraceBuilder builder;
  for (const v1::StoredRecord& record : records.all()) {
    builder.Add(Redacted(record.SerializeAsString()));
  }
  return TextOf(RenderOtlpLines, std::move(builder).Finish());
}

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ExportTest, LosesNoSpanOfAnyRecords) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const Records records = RandomRecords(&random);
    Trace trace = records.Build();
    trace.seen_unix_nano = kBegin + 10 * kSecond;
    size_t spans = 0, placed = 0;
    const json document = json::parse(TextOf(RenderOtlpJson, trace));
    for (const json& resource : document.value("resourceSpans", json::array())) {
      for (const json& scope : resource["scopeSpans"]) spans += scope["spans"].size();
    }
    EXPECT_EQ(spans, trace.spans.size());
    const json perfetto = json::parse(TextOf(RenderPerfetto, trace));
    ExpectNested(perfetto["traceEvents"]);
    for (const json& event : perfetto["traceEvents"]) {
      placed += event["ph"] == "X" || event["ph"] == "B";
      EXPECT_LE(event.value("dur", 0.0), 10e6);
    }
    EXPECT_EQ(placed + perfetto["otherData"]["spans_left_out"].get<size_t>(), trace.spans.size());
    EXPECT_EQ(CountOf(TextOf(RenderPlot, trace), "<div class=\"r "),
              trace.spans.size() + trace.events.size());
    EXPECT_THAT(RedactedLines(records), Not(HasSubstr("a message of some length")));
    if (HasFailure()) return;
  }
}

TEST(RedactTest, LeavesNamesTimesAndNumbers) {
  Records records = TwoProcesses();
  records.Whole('n', 'p', 500, 600).span()->add_attributes()->mutable_value()->set_int_value(5);
  const std::string lines = RedactedLines(records);
  for (const char* const secret : {"hunter2", "disk is slow", "gave up", "alone"}) {
    EXPECT_THAT(lines, Not(HasSubstr(secret)));
  }
  for (const char* const kept : {"\"job\"", "\"secret\"", "\"name\":\"p\"", "\"5\"", "***"}) {
    EXPECT_THAT(lines, HasSubstr(kept));
  }
}

TEST(RedactTest, TakesUsersAndPasswordsOutOfAddresses) {
  EXPECT_EQ(WithoutUserInfo("https://me:pw@host:1/a@b"), "https://***@host:1/a@b");
  EXPECT_EQ(WithoutUserInfo("\"http://a@b\", 'x://c:d@e'"), "\"http://***@b\", 'x://***@e'");
  for (const char* const plain : {"", "://", "http://host/a@b", "unix:///run/a", "a@b"}) {
    EXPECT_EQ(WithoutUserInfo(plain), plain);
  }
}

}  // namespace
}  // namespace sluice::cli
