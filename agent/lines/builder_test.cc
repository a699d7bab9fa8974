#include "agent/lines/builder.h"

#include "agent/live/span_table.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"

namespace sluice::lines {
namespace {

using stream::Delivery;
using testing::EventRecord;
using testing::StartRecord;

std::shared_ptr<live::Span> SpanOf(const std::string& name, size_t field_bytes,
                                   std::string_view filter = "trace") {
  v1::Record start = StartRecord(1, 1, 0, name);
  testing::AddTextAttribute(&start, "text", std::string(field_bytes, 'x'));
  const std::string encoded = start.SerializeAsString();
  const auto span =
      live::SpanTable().Whole(*ReadRecord(encoded), std::make_shared<const live::Origin>());
  filter::Matcher(filter::Filter::Parse(filter, {}).filter)
      .OpenSpan(filter::Subject::Of(*ReadRecord(encoded)), nullptr, &span->scope);
  return span;
}

std::string LineOf(const live::Span& span, LineStyle style, Delivery::Kind kind) {
  const std::string event = EventRecord("hello", 1, 1).SerializeAsString();
  const RecordView record = *ReadRecord(event);
  const live::Origin origin;
  Delivery delivery;
  delivery.kind = kind;
  delivery.record = &record;
  delivery.span = &span;
  delivery.origin = &origin;
  LineOptions options;
  options.style = style;
  std::string line;
  LineBuilder(options).Append(delivery, &line);
  return line;
}
std::string EventIn(const live::Span& span, LineStyle style) {
  return LineOf(span, style, Delivery::Kind::kEvent);
}

TEST(LineBuilderTest, RepeatsFieldsOfTheSpansAroundAsLongAsThereIsRoom) {
  const auto outer = SpanOf("outer", 9'000);
  const auto inner = SpanOf("inner", 9'000);
  const auto last = SpanOf("last", 10);
  inner->parent = outer;
  last->parent = inner;
  const std::string line = EventIn(*last, LineStyle::kText);
  EXPECT_NE(line.find("outer{text=\"xxx"), std::string::npos);
  EXPECT_NE(line.find(":inner{...}:last{text=\"xxxxxxxxxx\"}: app: hello\n"), std::string::npos);
  EXPECT_NE(EventIn(*last, LineStyle::kJson).find(R"({"name":"inner","fields":{"...":null}})"),
            std::string::npos);
  EXPECT_NE(EventIn(*last, LineStyle::kLogfmt).find(":inner{...}:last{"), std::string::npos);
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

TEST(LineBuilderTest, LeavesOutANameThatDoesNotFit) {
  const std::string line = EventIn(*SpanOf(std::string(20'000, 'n'), 10), LineStyle::kText);
  EXPECT_NE(line.find(" ...{...}: app: hello\n"), std::string::npos);
}

TEST(LineBuilderTest, ASpansOwnLinesHaveAllOfItsFields) {
  const auto span = SpanOf("work", 60'000);
  EXPECT_LT(EventIn(*span, LineStyle::kText).size(), 200u);
  for (const auto kind : {Delivery::Kind::kSpanOpened, Delivery::Kind::kSpanClosed}) {
    EXPECT_GT(LineOf(*span, LineStyle::kText, kind).size(), 60'000u);
  }
}

}  // namespace
}  // namespace sluice::lines
