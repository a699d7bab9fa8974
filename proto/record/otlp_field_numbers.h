// The field numbers of OTLP's messages. See field_numbers.h, which includes this.
#pragma once

#include <cstdint>

namespace sluice {

namespace any_value_field {  // sluice.otlp.v1.AnyValue
inline constexpr uint32_t kStringValue = 1;
inline constexpr uint32_t kBoolValue = 2;
inline constexpr uint32_t kIntValue = 3;
inline constexpr uint32_t kDoubleValue = 4;
inline constexpr uint32_t kArrayValue = 5;
inline constexpr uint32_t kKvlistValue = 6;
inline constexpr uint32_t kBytesValue = 7;
inline constexpr uint32_t kLast = kBytesValue;
}  // namespace any_value_field

namespace array_value_field {  // sluice.otlp.v1.ArrayValue
inline constexpr uint32_t kValues = 1;
}  // namespace array_value_field

namespace key_value_list_field {  // sluice.otlp.v1.KeyValueList
inline constexpr uint32_t kValues = 1;
}  // namespace key_value_list_field

namespace key_value_field {  // sluice.otlp.v1.KeyValue
inline constexpr uint32_t kKey = 1;
inline constexpr uint32_t kValue = 2;
inline constexpr uint32_t kLast = kValue;
}  // namespace key_value_field

namespace resource_field {  // sluice.otlp.v1.Resource
inline constexpr uint32_t kAttributes = 1;
inline constexpr uint32_t kDroppedAttributesCount = 2;
inline constexpr uint32_t kEntityRefs = 3;
inline constexpr uint32_t kLast = kEntityRefs;
}  // namespace resource_field

namespace entity_ref_field {  // sluice.otlp.v1.EntityRef
inline constexpr uint32_t kSchemaUrl = 1;
inline constexpr uint32_t kType = 2;
inline constexpr uint32_t kIdKeys = 3;
inline constexpr uint32_t kDescriptionKeys = 4;
inline constexpr uint32_t kLast = kDescriptionKeys;
}  // namespace entity_ref_field

// The messages around records: traces, logs and metrics agree in their numbers.

namespace export_request_field {  // sluice.otlp.v1.ExportTraceServiceRequest
inline constexpr uint32_t kResourceSpans = 1;
}  // namespace export_request_field

namespace export_response_field {  // sluice.otlp.v1.ExportTraceServiceResponse
inline constexpr uint32_t kPartialSuccess = 1;
}  // namespace export_response_field

namespace partial_success_field {  // sluice.otlp.v1.ExportTracePartialSuccess
inline constexpr uint32_t kRejectedSpans = 1;
inline constexpr uint32_t kErrorMessage = 2;
}  // namespace partial_success_field

// What an error says beside its code.

namespace rpc_status_field {  // sluice.otlp.v1.RpcStatus
inline constexpr uint32_t kCode = 1;
inline constexpr uint32_t kMessage = 2;
inline constexpr uint32_t kDetails = 3;
}  // namespace rpc_status_field

namespace retry_info_field {  // sluice.otlp.v1.RetryInfo
inline constexpr uint32_t kRetryDelay = 1;
}  // namespace retry_info_field

namespace any_field {  // google.protobuf.Any
inline constexpr uint32_t kTypeUrl = 1;
inline constexpr uint32_t kValue = 2;
}  // namespace any_field

namespace duration_field {  // google.protobuf.Duration
inline constexpr uint32_t kSeconds = 1;
inline constexpr uint32_t kNanos = 2;
}  // namespace duration_field

namespace resource_spans_field {  // sluice.otlp.v1.ResourceSpans
inline constexpr uint32_t kResource = 1;
inline constexpr uint32_t kScopeSpans = 2;
inline constexpr uint32_t kSchemaUrl = 3;
inline constexpr uint32_t kLast = kSchemaUrl;
}  // namespace resource_spans_field

namespace instrumentation_scope_field {  // sluice.otlp.v1.InstrumentationScope
inline constexpr uint32_t kName = 1;
inline constexpr uint32_t kVersion = 2;
inline constexpr uint32_t kAttributes = 3;
inline constexpr uint32_t kDroppedAttributesCount = 4;
inline constexpr uint32_t kLast = kDroppedAttributesCount;
}  // namespace instrumentation_scope_field

namespace scope_spans_field {  // sluice.otlp.v1.ScopeSpans
inline constexpr uint32_t kScope = 1;
inline constexpr uint32_t kSpans = 2;
inline constexpr uint32_t kSchemaUrl = 3;
inline constexpr uint32_t kLast = kSchemaUrl;
}  // namespace scope_spans_field

namespace scope_logs_field {  // sluice.otlp.v1.ScopeLogs
inline constexpr uint32_t kScope = 1;
inline constexpr uint32_t kLogRecords = 2;
inline constexpr uint32_t kSchemaUrl = 3;
}  // namespace scope_logs_field

namespace span_field {  // sluice.otlp.v1.Span
inline constexpr uint32_t kTraceId = 1;
inline constexpr uint32_t kSpanId = 2;
inline constexpr uint32_t kTraceState = 3;
inline constexpr uint32_t kParentSpanId = 4;
inline constexpr uint32_t kName = 5;
inline constexpr uint32_t kKind = 6;
inline constexpr uint32_t kStartTimeUnixNano = 7;
inline constexpr uint32_t kEndTimeUnixNano = 8;
inline constexpr uint32_t kAttributes = 9;
inline constexpr uint32_t kDroppedAttributesCount = 10;
inline constexpr uint32_t kEvents = 11;
inline constexpr uint32_t kDroppedEventsCount = 12;
inline constexpr uint32_t kLinks = 13;
inline constexpr uint32_t kDroppedLinksCount = 14;
inline constexpr uint32_t kStatus = 15;
inline constexpr uint32_t kFlags = 16;
inline constexpr uint32_t kLast = kFlags;
}  // namespace span_field

namespace span_event_field {  // sluice.otlp.v1.Span.Event
inline constexpr uint32_t kTimeUnixNano = 1;
inline constexpr uint32_t kName = 2;
inline constexpr uint32_t kAttributes = 3;
inline constexpr uint32_t kDroppedAttributesCount = 4;
inline constexpr uint32_t kLast = kDroppedAttributesCount;
}  // namespace span_event_field

namespace span_link_field {  // sluice.otlp.v1.Span.Link
inline constexpr uint32_t kTraceId = 1;
inline constexpr uint32_t kSpanId = 2;
inline constexpr uint32_t kTraceState = 3;
inline constexpr uint32_t kAttributes = 4;
inline constexpr uint32_t kDroppedAttributesCount = 5;
inline constexpr uint32_t kFlags = 6;
inline constexpr uint32_t kLast = kFlags;
}  // namespace span_link_field

namespace status_field {  // sluice.otlp.v1.Status
inline constexpr uint32_t kReserved = 1;
inline constexpr uint32_t kMessage = 2;
inline constexpr uint32_t kCode = 3;
inline constexpr uint32_t kLast = kCode;
}  // namespace status_field

namespace log_record_field {  // sluice.otlp.v1.LogRecord
inline constexpr uint32_t kTimeUnixNano = 1;
inline constexpr uint32_t kSeverityNumber = 2;
inline constexpr uint32_t kSeverityText = 3;
inline constexpr uint32_t kReserved = 4;
inline constexpr uint32_t kBody = 5;
inline constexpr uint32_t kAttributes = 6;
inline constexpr uint32_t kDroppedAttributesCount = 7;
inline constexpr uint32_t kFlags = 8;
inline constexpr uint32_t kTraceId = 9;
inline constexpr uint32_t kSpanId = 10;
inline constexpr uint32_t kObservedTimeUnixNano = 11;
inline constexpr uint32_t kEventName = 12;
inline constexpr uint32_t kLast = kEventName;
}  // namespace log_record_field

}  // namespace sluice
