#include "agent/ingest/redactor.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/common.pb.h"
#include "sluice/otlp/v1/logs.pb.h"
#include "sluice/otlp/v1/resource.pb.h"
#include "sluice/otlp/v1/trace.pb.h"
#include "tests/support/admission_fixture.h"

namespace sluice::ingest {
namespace {

namespace otlp_v1 = sluice::otlp::v1;
using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<const Redactor> MakeRedactor() {
  return std::make_shared<Redactor>(
      *filter::Redaction::Compile({"key=password", "value=hunter[0-9]"}));
}

// The message after redaction, and what it counted.
template <typename Message>
Message Redacted(Redactor::Kind kind, const Message& message, uint64_t expected_count) {
  uint64_t count = 0;
  const auto redacted = MakeRedactor()->Redact(kind, message.SerializeAsString(), &count);
  EXPECT_EQ(count, expected_count);
  EXPECT_EQ(redacted.has_value(), expected_count > 0);
  Message read;
  EXPECT_TRUE(read.ParseFromString(redacted.value_or(message.SerializeAsString())));
  return read;
}

otlp_v1::KeyValue Attribute(const std::string& key, const std::string& value) {
  otlp_v1::KeyValue attribute;
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
  return attribute;
}

TEST(RedactorTest, FindsWhatIsCoveredWhereverItStands) {
  otlp_v1::Span span;
  span.set_name("login hunter2");
  *span.add_attributes() = Attribute("password", "secret");
  *span.add_attributes() = Attribute("user", "hunter1 and hunter2");
  auto* const map = span.add_attributes();
  map->set_key("map");
  *map->mutable_value()->mutable_kvlist_value()->add_values() = Attribute("password", "secret");
  map->mutable_value()
      ->mutable_kvlist_value()
      ->add_values()
      ->mutable_value()
      ->mutable_array_value()
      ->add_values()
      ->set_string_value("hunter3");
  auto* const event = span.add_events();
  event->set_name("hunter4");
  *event->add_attributes() = Attribute("password", "secret");
  *span.add_links()->add_attributes() = Attribute("password", "secret");
  span.mutable_status()->set_message("no hunter5");
  span.set_trace_state("hunter6");
  const otlp_v1::Span redacted = Redacted(Redactor::Kind::kSpan, span, 10);
  EXPECT_EQ(redacted.name(), "login [redacted]");
  EXPECT_EQ(redacted.attributes(0).value().string_value(), "[redacted]");
  EXPECT_EQ(redacted.attributes(1).value().string_value(), "[redacted] and [redacted]");
  EXPECT_EQ(redacted.status().message(), "no [redacted]");
  EXPECT_EQ(redacted.trace_state(), "hunter6");
  EXPECT_THAT(redacted.SerializeAsString(), Not(HasSubstr("secret")));
}

TEST(RedactorTest, FindsItInBodiesAndArguments) {
  otlp_v1::LogRecord record;
  *record.mutable_body()->mutable_kvlist_value()->add_values() = Attribute("password", "secret");
  EXPECT_THAT(Redacted(Redactor::Kind::kLogRecord, record, 1).SerializeAsString(),
              Not(HasSubstr("secret")));
  otlp_v1::Resource resource;
  auto* const arguments = resource.add_attributes();
  arguments->set_key("process.command_args");
  arguments->mutable_value()->mutable_array_value()->add_values()->set_string_value("-phunter7");
  EXPECT_THAT(Redacted(Redactor::Kind::kResource, resource, 1).SerializeAsString(),
              HasSubstr("-p[redacted]"));
  otlp_v1::InstrumentationScope scope;
  *scope.add_attributes() = Attribute("password", "secret");
  EXPECT_EQ(Redacted(Redactor::Kind::kScope, scope, 1).attributes(0).value().string_value(),
            "[redacted]");
}

TEST(RedactorTest, LeavesAloneWhatIsNotCovered) {
  otlp_v1::Span span;
  span.set_name("plain");
  *span.add_attributes() = Attribute("user", "alice");
  Redacted(Redactor::Kind::kSpan, span, 0);
}

class RedactedAdmissionTest : public AdmissionTest {};

TEST_F(RedactedAdmissionTest, KeepsNothingOfOurOwnRecordsThatIsCovered) {
  admission_->set_redactor(MakeRedactor());
  v1::Record event = testing::EventRecord("I am hunter2");
  testing::AddTextAttribute(&event, "password", "secret");
  v1::Record start = testing::StartRecord(1, 1, 0, "hunter1");
  const Admitted admitted = Admit(SenderOf(7), 0, {start, event, testing::EventRecord("plain")});
  EXPECT_EQ(admitted.accepted, 3u);
  EXPECT_THAT(Journalled(), ::testing::ElementsAre("[redacted]", "I am [redacted]", "plain"));
  EXPECT_EQ(counters_.Total("ingest.redacted"), 3u);
  // What the views make of open spans is the same.
  admission_->spans().ForEach(
      [](const std::shared_ptr<live::Span>& span) { EXPECT_EQ(span->name, "[redacted]"); });
}

TEST_F(RedactedAdmissionTest, DropsARecordThatGrowsTooLarge) {
  admission_->set_redactor(std::make_shared<Redactor>(*filter::Redaction::Compile({"value=x"})));
  const Admitted admitted = Admit(SenderOf(7), 0, {testing::EventRecord(std::string(20'000, 'x'))});
  EXPECT_EQ(admitted.drops.at("record_too_large"), 1u);
}

}  // namespace
}  // namespace sluice::ingest
