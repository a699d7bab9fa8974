#include "agent/lines/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "agent/live/aborted_end.h"
#include "proto/record/field_numbers.h"
#include "proto/text/escape.h"
#include "proto/text/times.h"

namespace sluice::lines {
namespace {

void AppendValueJson(const ValueView& value, std::string* out);

void AppendMember(const AttributeView& attribute, std::string* out) {
  if (!out->empty() && out->back() != '{') out->push_back(',');
  AppendJsonString(attribute.key, out);
  out->push_back(':');
  AppendValueJson(attribute.value, out);
}

void AppendDouble(double value, std::string* out) {
  if (!std::isfinite(value)) {
    out->append(std::isnan(value) ? "\"NaN\"" : value < 0 ? "\"-inf\"" : "\"inf\"");
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, end.ptr);
}

void AppendHex(std::string_view bytes, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out->push_back('"');
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out->append({kDigits[byte >> 4], kDigits[byte & 15]});
  }
  out->push_back('"');
}

// Depth is bounded at admission (limits::kValueDepth).
void AppendArray(std::string_view encoded, std::string* out) {
  const char* separator = "[";
  for (const std::string_view element : FieldRange(encoded, array_value_field::kValues)) {
    out->append(separator);
    AppendValueJson(ReadValue(element), out);
    separator = ",";
  }
  out->append(*separator == '[' ? "[]" : "]");
}

void AppendMap(std::string_view encoded, std::string* out) {
  out->push_back('{');
  for (const std::string_view member : FieldRange(encoded, key_value_list_field::kValues)) {
    AppendMember(ReadAttribute(member), out);
  }
  out->push_back('}');
}

void AppendValueJson(const ValueView& value, std::string* out) {
  switch (value.type) {
    case ValueView::Type::kEmpty:
      out->append("null");
      break;
    case ValueView::Type::kString:
      AppendJsonString(value.text, out);
      break;
    case ValueView::Type::kBool:
      out->append(value.bool_value ? "true" : "false");
      break;
    case ValueView::Type::kInt:
      out->append(std::to_string(value.int_value));
      break;
    case ValueView::Type::kDouble:
      AppendDouble(value.double_value, out);
      break;
    case ValueView::Type::kBytes:
      AppendHex(value.text, out);
      break;
    case ValueView::Type::kArray:
      AppendArray(value.text, out);
      break;
    case ValueView::Type::kMap:
      AppendMap(value.text, out);
      break;
  }
}

// Members of the outer object; absent ones are left out.
class Object {
 public:
  explicit Object(std::string* out) : out_(out) { out_->push_back('{'); }

  void Text(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    Key(key);
    AppendJsonString(text, out_);
  }
  void Number(std::string_view key, uint64_t number) {
    Key(key);
    out_->append(std::to_string(number));
  }
  // A value that is JSON already.
  void Raw(std::string_view key, std::string_view json) {
    Key(key);
    out_->append(json);
  }
  void Close() { out_->append("}\n"); }

 private:
  void Key(std::string_view key) {
    if (!first_) out_->push_back(',');
    first_ = false;
    out_->push_back('"');
    out_->append(key).append("\":");
  }

  std::string* const out_;
  bool first_ = true;
};

std::string ContextJson(std::span<const SpanContextItem> context) {
  std::string json = "[";
  for (const SpanContextItem& span : context) {
    if (json.size() > 1) json.push_back(',');
    json.append("{\"name\":");
    AppendJsonString(span.name, &json);
    json.append(",\"fields\":{").append(span.fields).append("}}");
  }
  return json + "]";
}

void AppendSender(const Identity& sender, Object* object) {
  object->Number("_pid", static_cast<uint64_t>(sender.pid));
  object->Number("_uid", sender.uid);
  object->Number("_gid", sender.gid);
  object->Text("_unit", sender.unit);
  object->Text("_comm", sender.comm);
}

void AppendBody(const RecordView& record, Object* object) {
  if (record.event.message.type == ValueView::Type::kString) {
    object->Text("message", record.event.message.text);
  } else if (record.event.message.type != ValueView::Type::kEmpty) {
    std::string json;
    AppendValueJson(record.event.message, &json);
    object->Raw("message", json);
  }
  object->Text("event_name", record.event.event_name);
  std::string fields = "{";
  AppendJsonFields(record, &fields);
  if (fields.size() > 1) object->Raw("fields", fields + "}");
}

void AppendLife(const LineInput& input, const Lifecycle& life, Object* object) {
  const bool closes = life.kind == Lifecycle::Kind::kClose;
  object->Text("kind", closes ? "close" : "new");
  if (!input.context.empty()) object->Text("span", input.context.back().name);
  if (!closes) return;
  object->Number("busy_ns", life.busy_nanos);
  object->Number("idle_ns", life.idle_nanos);
  if (!life.failed) return;
  object->Text("status", "error");
  object->Text("error", input.record->span.status_message);
  object->Text("aborted", live::AbortCauseOf(input.record->span));
}

}  // namespace

void AppendJsonFields(const RecordView& record, std::string* rendered) {
  const FieldRange attributes =
      record.kind == RecordKind::kEvent ? record.event.attributes() : record.span.attributes();
  for (const std::string_view encoded : attributes) AppendMember(ReadAttribute(encoded), rendered);
}

void AppendJsonField(const AttributeView& attribute, std::string* rendered) {
  AppendMember(attribute, rendered);
}

void AppendJsonLine(const LineInput& input, const Lifecycle& life, std::string* out) {
  const RecordView& record = *input.record;
  Object object(out);
  object.Text("time", FormatUtc(life.unix_nano, 9));
  object.Text("level", LevelName(record.level));
  object.Text("target", record.target);
  if (life.kind == Lifecycle::Kind::kEvent) {
    AppendBody(record, &object);
  } else {
    AppendLife(input, life, &object);
  }
  if (!input.context.empty()) object.Raw("spans", ContextJson(input.context));
  if (!record.trace_id().IsZero()) object.Text("trace_id", record.trace_id().ToHex());
  if (!record.span_id().IsZero()) object.Text("span_id", record.span_id().ToHex());
  object.Text("service", input.service);
  if (input.sender != nullptr) AppendSender(*input.sender, &object);
  object.Close();
}

}  // namespace sluice::lines
