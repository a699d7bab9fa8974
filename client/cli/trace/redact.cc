#include "client/cli/trace/redact.h"

#include <string_view>

namespace sluice::cli {
namespace {

using otlp::v1::AnyValue;
using Attributes = google::protobuf::RepeatedPtrField<otlp::v1::KeyValue>;

constexpr char kBlank[] = "***";

bool IsNumber(const AnyValue& value) {
  return value.has_bool_value() || value.has_int_value() || value.has_double_value();
}

void RedactAll(Attributes* attributes) {
  for (otlp::v1::KeyValue& attribute : *attributes) {
    const bool is_name = attribute.key() == "service.name" || attribute.key() == "service.version";
    if (is_name || IsNumber(attribute.value())) continue;
    attribute.mutable_value()->set_string_value(kBlank);
  }
}

void RedactSpan(otlp::v1::Span* span) {
  RedactAll(span->mutable_attributes());
  span->clear_trace_state();
  for (auto& event : *span->mutable_events()) RedactAll(event.mutable_attributes());
  for (auto& link : *span->mutable_links()) {
    RedactAll(link.mutable_attributes());
    link.clear_trace_state();
  }
  if (!span->status().message().empty()) span->mutable_status()->set_message(kBlank);
}

}  // namespace

void Redact(v1::StoredRecord* stored) {
  RedactAll(stored->mutable_resource()->mutable_attributes());
  v1::Record* const record = stored->mutable_record();
  if (record->has_span()) RedactSpan(record->mutable_span());
  if (!record->has_event()) return;
  RedactAll(record->mutable_event()->mutable_attributes());
  record->mutable_event()->mutable_body()->set_string_value(kBlank);
}

std::string WithoutUserInfo(std::string text) {
  static constexpr std::string_view kScheme = "://";
  for (size_t at = text.find(kScheme); at != std::string::npos; at = text.find(kScheme, at)) {
    at += kScheme.size();
    const size_t end = text.find_first_of("/?# \"',", at);
    const size_t sign = text.rfind('@', end);
    if (sign == std::string::npos || sign < at) continue;
    text.replace(at, sign - at, kBlank);
  }
  return text;
}

}  // namespace sluice::cli
