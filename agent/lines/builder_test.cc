#include "agent/lines/builder.h"

#include <utility>
#include <vector>

#include "agent/live/span_table.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/resource.pb.h"
#include "tests/support/records.h"

namespace sluice::lines {
namespace {

using stream::Delivery;
using testing::EventRecord;
using testing::StartRecord;

std::shared_ptr<live::Span> SpanOf(const v1::Record& start, std::string_view filter = "trace") {
  const std::string encoded = start.SerializeAsString();
  const auto span =
      live::SpanTable().Whole(*ReadRecord(encoded), std::make_shared<const live::Origin>());
  filter::Matcher(filter::Filter::Parse(filter, {}).filter)
      .OpenSpan(filter::Subject::Of(*ReadRecord(encoded)), nullptr, &span->scope);
  return span;
}

std::shared_ptr<live::Span> SpanOf(const std::string& name, size_t field_bytes,
                                   std::string_view filter = "trace") {
  v1::Record start = StartRecord(1, 1, 0, name);
  testing::AddTextAttribute(&start, "text", std::string(field_bytes, 'x'));
  return SpanOf(start, filter);
}

std::string LineOf(const live::Span& span, const LineOptions& options, Delivery::Kind kind,
                   LineForm form = LineForm::kWhole, const live::Origin* origin = nullptr) {
  const std::string event = EventRecord("hello", 1, 1).SerializeAsString();
  const RecordView record = *ReadRecord(event);
  const live::Origin nobody;
  Delivery delivery;
  delivery.kind = kind;
  delivery.level = Level::kInfo;
  delivery.record = &record;
  delivery.span = &span;
  delivery.origin = origin == nullptr ? &nobody : origin;
  std::string line;
  LineBuilder(options).Append(delivery, &line, form);
  return line;
}

std::string EventIn(const live::Span& span, LineStyle style) {
  LineOptions options;
  options.style = style;
  return LineOf(span, options, Delivery::Kind::kEvent);
}

// `name{text="xxx"}` around `name{text="xxx"}` and so on, the innermost last.
std::shared_ptr<live::Span> Nested(const std::vector<std::pair<std::string, size_t>>& spans) {
  std::shared_ptr<live::Span> innermost;
  for (const auto& [name, field_bytes] : spans) {
    auto span = SpanOf(name, field_bytes);
    span->parent = std::exchange(innermost, span);
    innermost = span;
  }
  return innermost;
}

TEST(LineBuilderTest, RepeatsFieldsOfTheSpansAroundInnermostFirst) {
  const auto last = Nested({{"outer", 1'200}, {"inner", 1'200}, {"last", 10}});
  const std::string line = EventIn(*last, LineStyle::kText);
  EXPECT_NE(line.find(" INFO outer{...=1}:inner{text=\"xxx"), std::string::npos) << line;
  EXPECT_NE(line.find("x\"}:last{text=\"xxxxxxxxxx\"}: app: hello\n"), std::string::npos) << line;
  EXPECT_NE(EventIn(*last, LineStyle::kJson).find(R"({"name":"outer","fields":{"...":1}},{)"),
            std::string::npos);
  EXPECT_NE(EventIn(*last, LineStyle::kLogfmt).find("span=\"outer{...=1}:inner{text="),
            std::string::npos);
}

TEST(LineBuilderTest, ABriefLineHasTheSenderAndTheNamesAround) {
  const auto last = Nested({{"outer", 1'200}, {"last", 10}});
  LineOptions options;
  options.brief = true;
  live::Origin origin;
  origin.identity.uid = 5;
  origin.identity.pid = 6;
  origin.identity.unit = "a.service";
  const std::string event =
      LineOf(*last, options, Delivery::Kind::kEvent, LineForm::kWhole, &origin);
  EXPECT_NE(event.find("Z  INFO [uid 5 pid 6 a.service] outer:last: app: hello\n"),
            std::string::npos)
      << event;
  const std::string own = LineOf(*last, options, Delivery::Kind::kSpanOpened);
  EXPECT_NE(own.find(" outer:last{text=\"xxxxxxxxxx\"}: "), std::string::npos) << own;
}

TEST(LineBuilderTest, KeepsTheFieldsThatFitAndCountsTheOthers) {
  v1::Record start = StartRecord(1, 1, 0, "work");
  testing::AddTextAttribute(&start, "a", "1");
  testing::AddTextAttribute(&start, "long", std::string(3'000, 'x'));
  testing::AddTextAttribute(&start, "b", "2");
  testing::AddTextAttribute(&start, "longer", std::string(6'000, 'x'));
  const auto span = SpanOf(start);
  EXPECT_NE(EventIn(*span, LineStyle::kText).find(" work{a=\"1\" b=\"2\" ...=2}: app: hello\n"),
            std::string::npos);
  EXPECT_NE(EventIn(*span, LineStyle::kJson)
                .find(R"([{"name":"work","fields":{"a":"1","b":"2","...":2}}])"),
            std::string::npos);
}

TEST(LineBuilderTest, NamesTheOutermostSpansByCount) {
  std::vector<std::pair<std::string, size_t>> spans(100, {std::string(100, 'n'), 1});
  spans.emplace_back("last", 1);
  const auto last = Nested(spans);
  const std::string text = EventIn(*last, LineStyle::kText);
  // 115 bytes each with its brackets and what may stand for its fields.
  EXPECT_NE(text.find(" INFO ...{spans=83}:nnn"), std::string::npos) << text;
  EXPECT_NE(text.find(":last{text=\"x\"}: app: hello\n"), std::string::npos) << text;
  const std::string json = EventIn(*last, LineStyle::kJson);
  EXPECT_NE(json.find(R"("spans":[{"name":"...","fields":{"spans":)"), std::string::npos) << json;
}

// The text of the spans in a line of text.
size_t ScopeBytes(const std::string& line) {
  const size_t begin = line.find(" INFO ") + 6;
  return line.find(": app: hello") + 2 - begin;
}

TEST(LineBuilderTest, NoScopeIsLongerThanItMayBe) {
  const std::string names[] = {"n",
                               std::string(50, 'n'),
                               std::string(3'000, 'n'),
                               "\x01\x02\x1b",
                               std::string(700, '\x01'),
                               "\xe6\xbc\xa2"};
  for (const std::string& name : names) {
    for (const size_t field_bytes : {0u, 1u, 10u, 100u, 2'000u, 2'030u, 60'000u}) {
      for (const size_t depth : {1u, 2u, 30u, 120u}) {
        const auto last = Nested({depth, {name, field_bytes}});
        LineOptions options;
        for (const size_t most : {128u, 500u, 2'048u}) {
          options.max_scope = most;
          EXPECT_LE(ScopeBytes(LineOf(*last, options, Delivery::Kind::kEvent)), most)
              << name.size() << " " << field_bytes << " " << depth;
          options.style = LineStyle::kJson;
          EXPECT_LE(LineOf(*last, options, Delivery::Kind::kEvent).size(), most + 350)
              << name.size() << " " << field_bytes << " " << depth;
          options.style = LineStyle::kText;
        }
      }
    }
  }
}

TEST(LineBuilderTest, LooksAtSoMuchOfASpanAndNoMore) {
  const auto span = SpanOf("work", 1);
  EXPECT_NE(EventIn(*span, LineStyle::kText).find(" work{text=\"x\"}: "), std::string::npos);
  // Empty Span.events in front of the attribute.
  for (int i = 0; i < 5'000; ++i) span->body.insert(0, std::string_view("\x5a\0", 2));
  EXPECT_NE(EventIn(*span, LineStyle::kText).find(" work{...=1}: "), std::string::npos);
}

TEST(LineBuilderTest, AShortLineHasHardlyMoreThanTheInnermostName) {
  const auto last = Nested({{"outer", 10}, {"inner", 300}, {"last", 1'000}});
  const std::string line = LineOf(*last, LineOptions(), Delivery::Kind::kEvent, LineForm::kShort);
  EXPECT_NE(line.find(":last{...=1}: app: hello\n"), std::string::npos) << line;
  EXPECT_LE(ScopeBytes(line), 128u) << line;
  EXPECT_GT(LineOf(*last, {}, Delivery::Kind::kSpanOpened, LineForm::kShort).size(), 1'000u);
  EXPECT_LT(LineOf(*last, {}, Delivery::Kind::kSpanClosed, LineForm::kShort).size(), 250u);
}

TEST(LineBuilderTest, CutsALongServiceName) {
  const auto span = SpanOf("work", 1);
  live::Origin origin;
  otlp::v1::Resource resource;
  auto* attribute = resource.add_attributes();
  attribute->set_key("service.name");
  attribute->mutable_value()->set_string_value(std::string(10'000, 's'));
  origin.resource = resource.SerializeAsString();
  LineOptions options;
  options.style = LineStyle::kJson;
  const std::string line =
      LineOf(*span, options, Delivery::Kind::kEvent, LineForm::kWhole, &origin);
  EXPECT_NE(line.find("\"service\":\"" + std::string(256, 's') + "\""), std::string::npos);
  EXPECT_EQ(
      LineOf(*span, options, Delivery::Kind::kEvent, LineForm::kShort, &origin).find("service"),
      std::string::npos);
}

TEST(LineBuilderTest, AFailureNamesItsSpanAlsoWhereThatWasFilteredOut) {
  const auto span = SpanOf("step", 1, "error");
  span->parent = SpanOf("outer", 1, "error");
  const RecordView record = span->AsRecord(RecordKind::kSpan);
  const live::Origin origin;
  Delivery delivery;
  delivery.kind = Delivery::Kind::kSpanClosed;
  delivery.level = Level::kError;
  delivery.record = &record;
  delivery.span = span.get();
  delivery.origin = &origin;
  std::string line;
  LineBuilder(LineOptions()).Append(delivery, &line);
  EXPECT_NE(line.find("Z ERROR step{text=\"x\"}: app: close "), std::string::npos) << line;
}

TEST(LineBuilderTest, CutsAnInnermostNameThatDoesNotFit) {
  const std::string line = EventIn(*SpanOf(std::string(20'000, 'n'), 10), LineStyle::kText);
  EXPECT_NE(line.find("nnn...{...=1}: app: hello\n"), std::string::npos);
  EXPECT_GT(line.size(), 2'000u);
  EXPECT_LT(line.size(), 2'200u);
}

TEST(LineBuilderTest, ASpansOwnLinesHaveAllOfItsFields) {
  const auto span = SpanOf("work", 60'000);
  EXPECT_LT(EventIn(*span, LineStyle::kText).size(), 200u);
  for (const auto kind : {Delivery::Kind::kSpanOpened, Delivery::Kind::kSpanClosed}) {
    EXPECT_GT(LineOf(*span, LineOptions(), kind).size(), 60'000u);
  }
}

}  // namespace
}  // namespace sluice::lines
