#include "agent/live/aborted_end.h"

#include "absl/strings/str_cat.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::live {
namespace {

std::string EncodeBody(const Span& span, std::string_view cause, uint64_t end_unix_nano) {
  std::string body;
  StringWireWriter writer{StringSink(&body)};
  writer.Bytes(span_field::kTraceId, span.key.trace_id.raw());
  writer.Bytes(span_field::kSpanId, span.key.span_id.raw());
  writer.Fixed64(span_field::kEndTimeUnixNano, end_unix_nano);
  const auto attribute = writer.Begin(span_field::kAttributes);
  writer.Bytes(key_value_field::kKey, kAbortCauseAttribute);
  const auto value = writer.Begin(key_value_field::kValue);
  writer.Bytes(any_value_field::kStringValue, cause);
  writer.End(value);
  writer.End(attribute);
  const auto status = writer.Begin(span_field::kStatus);
  writer.Bytes(status_field::kMessage, absl::StrCat("aborted: ", std::string(cause)));
  writer.Varint(status_field::kCode, static_cast<uint64_t>(StatusCode::kError));
  writer.End(status);
  return body;
}

}  // namespace

std::string_view AbortCauseOf(const SpanView& span) {
  for (const std::string_view encoded : span.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (attribute.key == kAbortCauseAttribute) return attribute.value.text;
  }
  return {};
}

std::string EncodeAbortedEnd(const Span& span, std::string_view cause, uint64_t end_unix_nano) {
  std::string record;
  StringWireWriter writer{StringSink(&record)};
  writer.Varint(record_field::kKind, static_cast<uint64_t>(RecordKind::kSpanEnd));
  writer.Varint(record_field::kLevel, static_cast<uint64_t>(span.level));
  writer.Bytes(record_field::kTarget, span.target);
  writer.Bytes(record_field::kSpan, EncodeBody(span, cause, end_unix_nano));
  return record;
}

}  // namespace sluice::live
