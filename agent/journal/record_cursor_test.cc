// Both shapes of a batch read alike.
#include "agent/journal/record_cursor.h"

#include <random>
#include <vector>

#include "agent/journal/batch_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "proto/wire/writer.h"
#include "sluice/disk/v1/journal.pb.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a reader may learn of a record.
struct Seen {
  RecordKind kind;
  Level level;
  std::string target;
  std::string body;
  std::string trace_id, span_id;
  std::string parent_or_message;

  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << static_cast<int>(seen.kind) << " " << LevelName(seen.level) << " "
             << seen.target.size() << " bytes of target, " << seen.body.size() << " of body";
}

Seen SeenOf(const RecordView& view) {
  const bool is_event = view.kind == RecordKind::kEvent;
  return {view.kind,
          view.level,
          std::string(view.target),
          std::string(is_event ? view.event.body : view.span.body),
          std::string(view.trace_id().raw()),
          std::string(view.span_id().raw()),
          std::string(is_event ? view.event.message.text : view.span.parent_span_id.raw())};
}

std::vector<Seen> ReadAll(const disk::v1::JournalBatch& batch) {
  const std::string encoded = batch.SerializeAsString();
  const auto view = ReadBatch(encoded);
  EXPECT_TRUE(view.has_value());
  std::vector<Seen> seen;
  for (RecordCursor records = view->records(); records.Next();) {
    const auto record = records.Read();
    EXPECT_TRUE(record.has_value());
    if (record.has_value()) seen.push_back(SeenOf(*record));
  }
  return seen;
}

// A field of a later release.
void AddUnknown(google::protobuf::Message* message) {
  message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(900, "later");
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  size_t Below(size_t end) { return random_() % end; }
  std::string Bytes(size_t size) {
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>(1 + random_() % 127);
    return bytes;
  }
  std::string Name() {
    return std::vector<std::string>{"",
                                    "app",
                                    "app::db",
                                    std::string(300, 'n'),
                                    std::string(255, 'n') + "é",
                                    Bytes(Below(40))}[Below(6)];
  }

  otlp::v1::Span Span() {
    otlp::v1::Span span;
    span.set_trace_id(Bytes(16));
    span.set_span_id(Bytes(8));
    if (Below(2) == 0) span.set_parent_span_id(Bytes(8));
    span.set_name(Bytes(Below(20)));
    span.set_start_time_unix_nano(random_());
    span.set_end_time_unix_nano(random_());
    for (size_t i = Below(4); i > 0; --i) {
      auto* attribute = span.add_attributes();
      attribute->set_key(Below(2) == 0 ? "level" : Bytes(5));
      const char* const levels[] = {"debug", "WARN", "Error", "loud", ""};
      if (Below(4) == 0) {
        attribute->mutable_value()->set_int_value(2);
      } else {
        attribute->mutable_value()->set_string_value(levels[Below(5)]);
      }
    }
    if (Below(3) == 0) span.add_events()->set_name(Bytes(4));
    if (Below(3) == 0) AddUnknown(&span);
    return span;
  }

  otlp::v1::LogRecord Event() {
    otlp::v1::LogRecord event;
    if (Below(2) == 0) event.set_trace_id(Bytes(16));
    if (Below(2) == 0) event.set_span_id(Bytes(8));
    event.set_time_unix_nano(random_());
    event.set_severity_number(static_cast<otlp::v1::SeverityNumber>(Below(25)));
    event.mutable_body()->set_string_value(Bytes(Below(30)));
    event.set_event_name(Bytes(Below(4)));
    return event;
  }

 private:
  std::mt19937 random_;
};

// By the design, said once more in other words.
Level LevelOf(const otlp::v1::Span& span) {
  for (const auto& attribute : span.attributes()) {
    if (attribute.key() != "level" || !attribute.value().has_string_value()) continue;
    if (const auto level = ParseLevel(attribute.value().string_value())) return *level;
  }
  return Level::kInfo;
}

std::string TargetOf(const std::string& name) {
  if (name.size() <= limits::kTargetBytes) return name;
  return name.ends_with("é") ? std::string(255, 'n') : name.substr(0, limits::kTargetBytes);
}

TEST(RecordCursorTest, OtlpReadsAsTheSameRecordsOfOurOwnDo) {
  for (unsigned seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(seed);
    Generator generator(seed);
    disk::v1::JournalBatch own;
    disk::v1::JournalBatch otlp;
    const bool are_spans = generator.Below(2) == 0;
    for (size_t scopes = generator.Below(4); scopes > 0; --scopes) {
      const std::string name = generator.Name();
      auto* const spans = are_spans ? otlp.add_scope_spans() : nullptr;
      auto* const logs = are_spans ? nullptr : otlp.add_scope_logs();
      auto* const scope = are_spans ? spans->mutable_scope() : logs->mutable_scope();
      scope->set_name(name);
      scope->set_version(generator.Bytes(3));
      for (size_t items = generator.Below(5); items > 0; --items) {
        v1::Record* const record = own.add_records();
        record->set_target(TargetOf(name));
        if (are_spans) {
          *record->mutable_span() = *spans->add_spans() = generator.Span();
          record->set_kind(v1::RECORD_KIND_SPAN);
          record->set_level(static_cast<v1::Level>(LevelOf(record->span())));
        } else {
          *record->mutable_event() = *logs->add_log_records() = generator.Event();
        }
      }
    }
    EXPECT_EQ(ReadAll(otlp), ReadAll(own));
  }
}

TEST(RecordCursorTest, OurOwnAreTheBytesOfTheBatchInOrder) {
  disk::v1::JournalBatch batch;
  batch.mutable_identity()->set_uid(5);
  for (const char* target : {"a", "b", "c"}) {
    batch.add_records()->set_target(target);
    batch.mutable_records()->rbegin()->mutable_span()->set_name("s");
  }
  batch.add_dropped_spans()->set_span_id("12345678");
  const std::string encoded = batch.SerializeAsString();
  std::vector<std::string> records;
  for (RecordCursor cursor = ReadBatch(encoded)->records(); cursor.Next();) {
    EXPECT_TRUE(cursor.is_own());
    EXPECT_EQ(cursor.scope().encoded, "");
    EXPECT_EQ(cursor.ReadAsRecord(), cursor.encoded());
    records.emplace_back(cursor.encoded());
  }
  EXPECT_THAT(records, ElementsAre(batch.records(0).SerializeAsString(),
                                   batch.records(1).SerializeAsString(),
                                   batch.records(2).SerializeAsString()));
}

TEST(RecordCursorTest, TellsTheScopeThatARecordStandsIn) {
  disk::v1::JournalBatch batch;
  auto* const first = batch.add_scope_spans();
  first->mutable_scope()->set_name("one");
  first->mutable_scope()->set_version("1");
  first->set_schema_url("url");
  first->add_spans()->set_name("a");
  batch.add_scope_spans();  // empty
  batch.add_scope_spans()->add_spans()->set_name("b");
  // A scope behind its items, as some writer may put it.
  std::string encoded = batch.SerializeAsString();
  otlp::v1::ScopeSpans items, scope;
  items.add_spans()->set_name("c");
  scope.mutable_scope()->set_name("behind");
  const std::string last = items.SerializeAsString() + scope.SerializeAsString();
  StringWireWriter{StringSink(&encoded)}.Bytes(journal_batch_field::kScopeSpans, last);
  std::vector<std::string> seen;
  for (RecordCursor cursor = ReadBatch(encoded)->records(); cursor.Next();) {
    EXPECT_FALSE(cursor.is_own());
    seen.push_back(std::string(cursor.Read()->span.name) + " in " +
                   std::string(cursor.scope().name) + " " + std::string(cursor.scope().schema_url));
  }
  EXPECT_THAT(seen, ElementsAre("a in one url", "b in  ", "c in behind "));
}

TEST(RecordCursorTest, AnOtlpRecordCanBeHadAsOneOfOurOwn) {
  disk::v1::JournalBatch batch;
  auto* const logs = batch.add_scope_logs();
  logs->mutable_scope()->set_name("app");
  logs->add_log_records()->set_severity_number(otlp::v1::SEVERITY_NUMBER_WARN2);
  AddUnknown(logs->mutable_log_records(0));
  const std::string encoded = batch.SerializeAsString();
  RecordCursor cursor = ReadBatch(encoded)->records();
  ASSERT_TRUE(cursor.Next());
  v1::Record record;
  ASSERT_TRUE(record.ParseFromString(cursor.ReadAsRecord()));
  EXPECT_EQ(record.kind(), v1::RECORD_KIND_EVENT);
  EXPECT_EQ(record.level(), v1::LEVEL_WARN);
  EXPECT_EQ(record.target(), "app");
  EXPECT_EQ(record.event().SerializeAsString(), logs->log_records(0).SerializeAsString());
}

TEST(RecordCursorTest, StepsOverMetricsAndWhatItDoesNotKnow) {
  disk::v1::JournalBatch batch;
  batch.add_scope_metrics("\x12\x02xx");
  AddUnknown(&batch);
  EXPECT_THAT(ReadAll(batch), IsEmpty());
}

TEST(RecordCursorTest, AMalformedItemIsGivenAndReadsAsNone) {
  std::string scope;
  StringWireWriter writer{StringSink(&scope)};
  writer.Bytes(2, "\x0a\xff");
  writer.Bytes(2, "");
  std::string batch;
  StringWireWriter{StringSink(&batch)}.Bytes(journal_batch_field::kScopeLogs, scope);
  RecordCursor cursor(batch);
  ASSERT_TRUE(cursor.Next());
  EXPECT_FALSE(cursor.Read().has_value());
  EXPECT_EQ(cursor.ReadAsRecord(), "");
  ASSERT_TRUE(cursor.Next());
  EXPECT_TRUE(cursor.Read().has_value());
  EXPECT_FALSE(cursor.Next());
}

}  // namespace
}  // namespace sluice::journal
