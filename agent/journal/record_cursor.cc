#include "agent/journal/record_cursor.h"

#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::journal {
namespace {

// ScopeSpans and ScopeLogs agree in their numbers.
static_assert(scope_spans_field::kScope == scope_logs_field::kScope);
static_assert(scope_spans_field::kSpans == scope_logs_field::kLogRecords);
static_assert(scope_spans_field::kSchemaUrl == scope_logs_field::kSchemaUrl);
constexpr uint32_t kItemTag = WireTag(scope_spans_field::kSpans, WireType::kBytes);

}  // namespace

std::string_view ScopeName(std::string_view scope) {
  std::string_view name;
  for (const std::string_view text : FieldRange(scope, instrumentation_scope_field::kName)) {
    name = text;
  }
  return name;
}

// The scope itself may stand behind its items.
void RecordCursor::EnterScope(const WireField& field) {
  if (field.tag == WireTag(journal_batch_field::kScopeSpans, WireType::kBytes)) {
    shape_ = Shape::kSpans;
  } else if (field.tag == WireTag(journal_batch_field::kScopeLogs, WireType::kBytes)) {
    shape_ = Shape::kEvents;
  } else if (shows_metrics_ &&
             field.tag == WireTag(journal_batch_field::kScopeMetrics, WireType::kBytes)) {
    shape_ = Shape::kMetrics;
  } else {
    return;
  }
  scope_ = {};
  scope_.content = field.bytes;
  WireReader reader(field.bytes);
  for (WireField part; reader.Next(&part);) {
    if (part.tag == WireTag(scope_spans_field::kScope, WireType::kBytes)) {
      scope_.encoded = part.bytes;
      scope_.name = ScopeName(part.bytes);
    } else if (part.tag == WireTag(scope_spans_field::kSchemaUrl, WireType::kBytes)) {
      scope_.schema_url = part.bytes;
    } else if (part.tag == kItemTag) {
      ++scope_.items;
    } else {
      scope_.has_rest = true;
    }
  }
  scope_items_ = WireReader(field.bytes);
}

bool RecordCursor::NextInScope() {
  for (WireField field; scope_items_.Next(&field);) {
    if (field.tag != kItemTag) continue;
    ++given_in_scope_;
    encoded_ = field.bytes;
    return true;
  }
  given_in_scope_ = 0;
  scope_ = {};
  return false;
}

std::optional<RecordView> RecordCursor::ReadFromScope() const {
  if (is_metric()) return std::nullopt;
  return is_span() ? ReadBareSpan(encoded_, scope_.name) : ReadBareEvent(encoded_, scope_.name);
}

std::string RecordCursor::ReadAsRecord() const {
  if (is_own()) return std::string(encoded_);
  std::string record;
  const auto view = ReadFromScope();
  if (!view.has_value()) return record;
  StringWireWriter writer{StringSink(&record)};
  writer.Varint(record_field::kKind, static_cast<uint64_t>(view->kind));
  writer.Varint(record_field::kLevel, static_cast<uint64_t>(view->level));
  if (!view->target.empty()) writer.Bytes(record_field::kTarget, view->target);
  writer.Bytes(is_span() ? record_field::kSpan : record_field::kEvent, encoded_);
  return record;
}

}  // namespace sluice::journal
