#include "client/cli/trace/trace_builder.h"

#include <gtest/gtest.h>

#include "client/cli/render/value.h"
#include "tests/support/client/trace_records.h"

namespace sluice::cli {
namespace {

static_assert(sizeof(TraceSpan) <= 152, "the header promises");

void AddText(const char* key, const char* text, otlp::v1::Span* span) {
  auto* const attribute = span->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(text);
}

TEST(TraceBuilderTest, MergesThePartsOfASpan) {
  Records records;
  records.Start('a', 0, 1);
  AddText("first", "1", records.span());
  records.last().mutable_record()->set_level(v1::LEVEL_DEBUG);
  records.End('a', 5, "no");
  AddText("last", "2", records.span());
  records.last().mutable_record()->clear_level();
  const Trace trace = records.Build();
  ASSERT_EQ(trace.spans.size(), 1u);
  const TraceSpan& span = trace.spans[0];
  EXPECT_EQ(span.level, v1::LEVEL_DEBUG) << "an end that states none changes none";
  EXPECT_EQ(span.Duration(), 4 * kMillisecond);
  EXPECT_EQ(span.status_message, "no");
  EXPECT_EQ(FormatAttributes(span.attributes()), " first=1 last=2");
}

TEST(TraceBuilderTest, MergesAnUpdateThatWasStoredTwiceOnce) {
  Records records;
  records.Start('a', 0, 1).Start('a', 0, 1);
  records.last().mutable_record()->set_kind(v1::RECORD_KIND_SPAN_UPDATE);
  AddText("k", "1", records.span());
  records.Again();
  AddText("k", "2", records.span());
  records.Again();
  EXPECT_EQ(FormatAttributes(records.Build().spans[0].attributes()), " k=1 k=1 k=2");
}

TEST(TraceBuilderTest, HoldsTextsAndSendersOnce) {
  Records records;
  records.From(1000, 7, "svc").Whole('a', 0, 1, 2).Whole('b', 'a', 1, 2);
  records.span()->set_name("a");
  const Trace trace = records.Build();
  EXPECT_EQ(trace.spans[0].name.data(), trace.spans[1].name.data());
  EXPECT_EQ(trace.spans[0].sender, trace.spans[1].sender);
  EXPECT_EQ(trace.senders.size(), 1u);
}

TEST(TraceBuilderTest, RefusesWhatIsMalformed) {
  TraceBuilder builder;
  Records records;
  records.Whole('a', 0, 1, 2);
  const std::string whole = records.last().SerializeAsString();
  EXPECT_FALSE(builder.Add(whole.substr(0, whole.size() - 1)));
  EXPECT_TRUE(builder.Add(whole));
  EXPECT_EQ(std::move(builder).Finish().spans.size(), 1u);
}

}  // namespace
}  // namespace sluice::cli
