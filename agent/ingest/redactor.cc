#include "agent/ingest/redactor.h"

#include "proto/otlp/schema.h"
#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::ingest {
namespace {

using sluice::otlp::Field;
using sluice::otlp::FieldType;
using sluice::otlp::Message;

const Message& Below(const Message& message, std::string_view json_name) {
  return *message.Find(json_name)->message;
}

// OTLP's messages that are redacted, and those within them whose text may be covered.
struct Messages {
  const Message& resource_spans = Below(sluice::otlp::kTraceRequest, "resourceSpans");
  const Message& scope_spans = Below(resource_spans, "scopeSpans");
  const Message& span = Below(scope_spans, "spans");
  const Message& event = Below(span, "events");
  const Message& status = Below(span, "status");
  const Message& resource = Below(resource_spans, "resource");
  const Message& scope = Below(scope_spans, "scope");
  const Message& attribute = Below(span, "attributes");
  const Message& value = Below(attribute, "value");
  const Message& log_record =
      Below(Below(Below(sluice::otlp::kLogsRequest, "resourceLogs"), "scopeLogs"), "logRecords");
  const Message& metric = Below(
      Below(Below(sluice::otlp::kMetricsRequest, "resourceMetrics"), "scopeMetrics"), "metrics");
};

const Messages& All() {
  static const Messages messages;
  return messages;
}

bool MayBeCovered(const Message& message, const Field& field) {
  const Messages& all = All();
  if (&message == &all.value) return true;
  if (&message == &all.span || &message == &all.event) return field.json_name == "name";
  return &message == &all.status && field.json_name == "message";
}

// Copies a message but for what is covered.
class RedactedCopy {
 public:
  explicit RedactedCopy(const filter::Redaction& redaction) : redaction_(redaction) {}

  // One of ours, around a body of OTLP's.
  void AddRecord(std::string_view encoded) {
    ForEachField(encoded, [this](const WireField& field, std::string_view whole) {
      if (field.tag == WireTag(record_field::kSpan, WireType::kBytes)) {
        AddNested(field, All().span);
      } else if (field.tag == WireTag(record_field::kEvent, WireType::kBytes)) {
        AddNested(field, All().log_record);
      } else {
        writer_.Raw(whole);
      }
    });
  }

  void Add(std::string_view encoded, const Message& message) {
    if (&message == &All().attribute) {
      const std::string_view key = ReadAttribute(encoded).key;
      if (redaction_.CoversKey(key)) return AddCovered(key);
    }
    ForEachField(encoded, [&](const WireField& field, std::string_view whole) {
      const bool is_bytes = field.type() == WireType::kBytes;
      const Field* const known = is_bytes ? message.Find(field.number()) : nullptr;
      if (known != nullptr && known->type == FieldType::kMessage) {
        AddNested(field, *known->message);
      } else if (known != nullptr && known->type == FieldType::kString &&
                 MayBeCovered(message, *known) && redaction_.CoversText(field.bytes)) {
        AddText(field);
      } else {
        writer_.Raw(whole);
      }
    });
  }

  std::string& copied() { return copied_; }
  uint64_t count() const { return count_; }

 private:
  template <typename Visit>
  static void ForEachField(std::string_view encoded, Visit visit) {
    WireReader reader(encoded);
    const char* begin = reader.position();
    for (WireField field; reader.Next(&field); begin = reader.position()) {
      visit(field, std::string_view(begin, static_cast<size_t>(reader.position() - begin)));
    }
  }

  void AddNested(const WireField& field, const Message& message) {
    const auto mark = writer_.Begin(field.number());
    Add(field.bytes, message);
    writer_.End(mark);
  }

  void AddText(const WireField& field) {
    std::string text(field.bytes);
    count_ += redaction_.Apply(&text);
    writer_.Bytes(field.number(), text);
  }

  void AddCovered(std::string_view key) {
    ++count_;
    writer_.Bytes(key_value_field::kKey, key);
    const auto value = writer_.Begin(key_value_field::kValue);
    writer_.Bytes(any_value_field::kStringValue, filter::kRedacted);
    writer_.End(value);
  }

  const filter::Redaction& redaction_;
  std::string copied_;
  StringWireWriter writer_{StringSink(&copied_)};
  uint64_t count_ = 0;
};

const Message& MessageOf(Redactor::Kind kind) {
  switch (kind) {
    case Redactor::Kind::kRecord:
    case Redactor::Kind::kSpan:
      return All().span;
    case Redactor::Kind::kLogRecord:
      return All().log_record;
    case Redactor::Kind::kMetric:
      return All().metric;
    case Redactor::Kind::kResource:
      return All().resource;
    case Redactor::Kind::kScope:
      break;
  }
  return All().scope;
}

}  // namespace

std::optional<std::string> Redactor::Redact(Kind kind, std::string_view encoded,
                                            uint64_t* count) const {
  RedactedCopy copy(*redaction_);
  if (kind == Kind::kRecord) {
    copy.AddRecord(encoded);
  } else {
    copy.Add(encoded, MessageOf(kind));
  }
  *count += copy.count();
  if (copy.count() == 0) return std::nullopt;
  return std::move(copy.copied());
}

}  // namespace sluice::ingest
