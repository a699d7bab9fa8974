#include "agent/live/aborted_end.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/writer.h"

namespace sluice::live {
namespace {

// Field numbers of sluice.otlp.v1.Span, Status and KeyValue, AnyValue.
std::string EncodeBody(const Span& span, std::string_view cause, uint64_t end_unix_nano) {
  std::string body;
  StringWireWriter writer{StringSink(&body)};
  writer.Bytes(1, span.key.trace_id.raw());
  writer.Bytes(2, span.key.span_id.raw());
  writer.Fixed64(8, end_unix_nano);
  const auto attribute = writer.Begin(9);
  writer.Bytes(1, kAbortCauseAttribute);
  const auto value = writer.Begin(2);
  writer.Bytes(1, cause);
  writer.End(value);
  writer.End(attribute);
  const auto status = writer.Begin(15);
  writer.Bytes(2, absl::StrCat("aborted: ", std::string(cause)));
  writer.Varint(3, static_cast<uint64_t>(StatusCode::kError));
  writer.End(status);
  return body;
}

}  // namespace

std::string EncodeAbortedEnd(const Span& span, std::string_view cause, uint64_t end_unix_nano) {
  std::string record;
  StringWireWriter writer{StringSink(&record)};
  writer.Varint(1, static_cast<uint64_t>(RecordKind::kSpanEnd));
  writer.Varint(2, static_cast<uint64_t>(span.level));
  writer.Bytes(3, span.target);
  writer.Bytes(6, EncodeBody(span, cause, end_unix_nano));
  return record;
}

}  // namespace sluice::live
