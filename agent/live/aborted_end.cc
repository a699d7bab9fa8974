#include "agent/live/aborted_end.h"

#include "absl/strings/str_cat.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::live {
namespace {

template <typename WriteValue>
void WriteAttribute(std::string_view key, WriteValue write_value, StringWireWriter* writer) {
  const auto attribute = writer->Begin(span_field::kAttributes);
  writer->Bytes(key_value_field::kKey, key);
  const auto value = writer->Begin(key_value_field::kValue);
  write_value();
  writer->End(value);
  writer->End(attribute);
}

std::string EncodeBody(const Span& span, const AbortedEnd& end) {
  std::string body;
  StringWireWriter writer{StringSink(&body)};
  writer.Bytes(span_field::kTraceId, span.key.trace_id.raw());
  writer.Bytes(span_field::kSpanId, span.key.span_id.raw());
  writer.Fixed64(span_field::kEndTimeUnixNano, end.time.unix_nano);
  WriteAttribute(
      kAbortCauseAttribute, [&] { writer.Bytes(any_value_field::kStringValue, end.cause); },
      &writer);
  if (end.time.is_estimated) {
    WriteAttribute(
        kAbortEstimatedAttribute, [&] { writer.Varint(any_value_field::kBoolValue, 1); }, &writer);
  }
  const auto status = writer.Begin(span_field::kStatus);
  writer.Bytes(status_field::kMessage, absl::StrCat("aborted: ", std::string(end.cause)));
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

std::string EncodeAbortedEnd(const Span& span, const AbortedEnd& end) {
  std::string record;
  StringWireWriter writer{StringSink(&record)};
  writer.Varint(record_field::kKind, static_cast<uint64_t>(RecordKind::kSpanEnd));
  writer.Varint(record_field::kLevel, static_cast<uint64_t>(span.level));
  writer.Bytes(record_field::kTarget, span.target);
  writer.Bytes(record_field::kSpan, EncodeBody(span, end));
  return record;
}

}  // namespace sluice::live
