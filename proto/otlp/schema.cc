#include "proto/otlp/schema.h"

#include <algorithm>

namespace sluice::otlp {
namespace {

using enum FieldType;

constexpr Field One(uint32_t number, std::string_view name, FieldType type) {
  return {.number = number, .json_name = name, .type = type};
}
constexpr Field Many(uint32_t number, std::string_view name, FieldType type) {
  return {.number = number, .json_name = name, .type = type, .is_repeated = true};
}
constexpr Field One(uint32_t number, std::string_view name, const Message* message) {
  return {.number = number, .json_name = name, .type = kMessage, .message = message};
}
constexpr Field Many(uint32_t number, std::string_view name, const Message* message) {
  return {.number = number,
          .json_name = name,
          .type = kMessage,
          .is_repeated = true,
          .message = message};
}
constexpr Field One(uint32_t number, std::string_view name, std::span<const EnumValue> values) {
  return {.number = number, .json_name = name, .type = kEnum, .enum_values = values};
}
constexpr Field Either(Field field) {
  field.is_in_oneof = true;
  return field;
}

constexpr EnumValue kSpanKinds[] = {
    {"SPAN_KIND_UNSPECIFIED", 0}, {"SPAN_KIND_INTERNAL", 1}, {"SPAN_KIND_SERVER", 2},
    {"SPAN_KIND_CLIENT", 3},      {"SPAN_KIND_PRODUCER", 4}, {"SPAN_KIND_CONSUMER", 5},
};
constexpr EnumValue kStatusCodes[] = {
    {"STATUS_CODE_UNSET", 0}, {"STATUS_CODE_OK", 1}, {"STATUS_CODE_ERROR", 2}};
constexpr EnumValue kSeverities[] = {
    {"SEVERITY_NUMBER_UNSPECIFIED", 0}, {"SEVERITY_NUMBER_TRACE", 1},
    {"SEVERITY_NUMBER_TRACE2", 2},      {"SEVERITY_NUMBER_TRACE3", 3},
    {"SEVERITY_NUMBER_TRACE4", 4},      {"SEVERITY_NUMBER_DEBUG", 5},
    {"SEVERITY_NUMBER_DEBUG2", 6},      {"SEVERITY_NUMBER_DEBUG3", 7},
    {"SEVERITY_NUMBER_DEBUG4", 8},      {"SEVERITY_NUMBER_INFO", 9},
    {"SEVERITY_NUMBER_INFO2", 10},      {"SEVERITY_NUMBER_INFO3", 11},
    {"SEVERITY_NUMBER_INFO4", 12},      {"SEVERITY_NUMBER_WARN", 13},
    {"SEVERITY_NUMBER_WARN2", 14},      {"SEVERITY_NUMBER_WARN3", 15},
    {"SEVERITY_NUMBER_WARN4", 16},      {"SEVERITY_NUMBER_ERROR", 17},
    {"SEVERITY_NUMBER_ERROR2", 18},     {"SEVERITY_NUMBER_ERROR3", 19},
    {"SEVERITY_NUMBER_ERROR4", 20},     {"SEVERITY_NUMBER_FATAL", 21},
    {"SEVERITY_NUMBER_FATAL2", 22},     {"SEVERITY_NUMBER_FATAL3", 23},
    {"SEVERITY_NUMBER_FATAL4", 24},
};
constexpr EnumValue kTemporalities[] = {{"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
                                        {"AGGREGATION_TEMPORALITY_DELTA", 1},
                                        {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2}};

// common.proto. AnyValue is within itself.
extern const Message kArrayValue;
extern const Message kKeyValueList;

constexpr Field kAnyValueFields[] = {
    Either(One(1, "stringValue", kString)),
    Either(One(2, "boolValue", kBool)),
    Either(One(3, "intValue", kInt64)),
    Either(One(4, "doubleValue", kDouble)),
    Either(One(5, "arrayValue", &kArrayValue)),
    Either(One(6, "kvlistValue", &kKeyValueList)),
    Either(One(7, "bytesValue", FieldType::kBytes)),
};
constexpr Message kAnyValue{"AnyValue", kAnyValueFields};
constexpr Field kKeyValueFields[] = {One(1, "key", kString), One(2, "value", &kAnyValue)};
constexpr Message kKeyValue{"KeyValue", kKeyValueFields};
constexpr Field kArrayValueFields[] = {Many(1, "values", &kAnyValue)};
constexpr Message kArrayValue{"ArrayValue", kArrayValueFields};
constexpr Field kKeyValueListFields[] = {Many(1, "values", &kKeyValue)};
constexpr Message kKeyValueList{"KeyValueList", kKeyValueListFields};

constexpr Field kEntityRefFields[] = {One(1, "schemaUrl", kString), One(2, "type", kString),
                                      Many(3, "idKeys", kString),
                                      Many(4, "descriptionKeys", kString)};
constexpr Message kEntityRef{"EntityRef", kEntityRefFields};
constexpr Field kScopeFields[] = {One(1, "name", kString), One(2, "version", kString),
                                  Many(3, "attributes", &kKeyValue),
                                  One(4, "droppedAttributesCount", kUint32)};
constexpr Message kScope{"InstrumentationScope", kScopeFields};
constexpr Field kResourceFields[] = {Many(1, "attributes", &kKeyValue),
                                     One(2, "droppedAttributesCount", kUint32),
                                     Many(3, "entityRefs", &kEntityRef)};
constexpr Message kResource{"Resource", kResourceFields};

// trace.proto
constexpr Field kSpanEventFields[] = {One(1, "timeUnixNano", kFixed64), One(2, "name", kString),
                                      Many(3, "attributes", &kKeyValue),
                                      One(4, "droppedAttributesCount", kUint32)};
constexpr Message kSpanEvent{"Span.Event", kSpanEventFields};
constexpr Field kSpanLinkFields[] = {One(1, "traceId", kId),
                                     One(2, "spanId", kId),
                                     One(3, "traceState", kString),
                                     Many(4, "attributes", &kKeyValue),
                                     One(5, "droppedAttributesCount", kUint32),
                                     One(6, "flags", kFixed32)};
constexpr Message kSpanLink{"Span.Link", kSpanLinkFields};
constexpr Field kSpanStatusFields[] = {One(2, "message", kString), One(3, "code", kStatusCodes)};
constexpr Message kSpanStatus{"Status", kSpanStatusFields};
constexpr Field kSpanFields[] = {
    One(1, "traceId", kId),
    One(2, "spanId", kId),
    One(3, "traceState", kString),
    One(4, "parentSpanId", kId),
    One(5, "name", kString),
    One(6, "kind", kSpanKinds),
    One(7, "startTimeUnixNano", kFixed64),
    One(8, "endTimeUnixNano", kFixed64),
    Many(9, "attributes", &kKeyValue),
    One(10, "droppedAttributesCount", kUint32),
    Many(11, "events", &kSpanEvent),
    One(12, "droppedEventsCount", kUint32),
    Many(13, "links", &kSpanLink),
    One(14, "droppedLinksCount", kUint32),
    One(15, "status", &kSpanStatus),
    One(16, "flags", kFixed32),
};
constexpr Message kSpan{"Span", kSpanFields};
constexpr Field kScopeSpansFields[] = {One(1, "scope", &kScope), Many(2, "spans", &kSpan),
                                       One(3, "schemaUrl", kString)};
constexpr Message kScopeSpans{"ScopeSpans", kScopeSpansFields};
constexpr Field kResourceSpansFields[] = {One(1, "resource", &kResource),
                                          Many(2, "scopeSpans", &kScopeSpans),
                                          One(3, "schemaUrl", kString)};
constexpr Message kResourceSpans{"ResourceSpans", kResourceSpansFields};
constexpr Field kTraceRequestFields[] = {Many(1, "resourceSpans", &kResourceSpans)};

// logs.proto
constexpr Field kLogRecordFields[] = {
    One(1, "timeUnixNano", kFixed64),
    One(2, "severityNumber", kSeverities),
    One(3, "severityText", kString),
    One(5, "body", &kAnyValue),
    Many(6, "attributes", &kKeyValue),
    One(7, "droppedAttributesCount", kUint32),
    One(8, "flags", kFixed32),
    One(9, "traceId", kId),
    One(10, "spanId", kId),
    One(11, "observedTimeUnixNano", kFixed64),
    One(12, "eventName", kString),
};
constexpr Message kLogRecord{"LogRecord", kLogRecordFields};
constexpr Field kScopeLogsFields[] = {One(1, "scope", &kScope), Many(2, "logRecords", &kLogRecord),
                                      One(3, "schemaUrl", kString)};
constexpr Message kScopeLogs{"ScopeLogs", kScopeLogsFields};
constexpr Field kResourceLogsFields[] = {One(1, "resource", &kResource),
                                         Many(2, "scopeLogs", &kScopeLogs),
                                         One(3, "schemaUrl", kString)};
constexpr Message kResourceLogs{"ResourceLogs", kResourceLogsFields};
constexpr Field kLogsRequestFields[] = {Many(1, "resourceLogs", &kResourceLogs)};

// metrics.proto
constexpr Field kExemplarFields[] = {One(2, "timeUnixNano", kFixed64),
                                     Either(One(3, "asDouble", kDouble)),
                                     One(4, "spanId", kId),
                                     One(5, "traceId", kId),
                                     Either(One(6, "asInt", kSfixed64)),
                                     Many(7, "filteredAttributes", &kKeyValue)};
constexpr Message kExemplar{"Exemplar", kExemplarFields};
constexpr Field kNumberPointFields[] = {One(2, "startTimeUnixNano", kFixed64),
                                        One(3, "timeUnixNano", kFixed64),
                                        Either(One(4, "asDouble", kDouble)),
                                        Many(5, "exemplars", &kExemplar),
                                        Either(One(6, "asInt", kSfixed64)),
                                        Many(7, "attributes", &kKeyValue),
                                        One(8, "flags", kUint32)};
constexpr Message kNumberPoint{"NumberDataPoint", kNumberPointFields};
constexpr Field kHistogramPointFields[] = {One(2, "startTimeUnixNano", kFixed64),
                                           One(3, "timeUnixNano", kFixed64),
                                           One(4, "count", kFixed64),
                                           One(5, "sum", kDouble),
                                           Many(6, "bucketCounts", kFixed64),
                                           Many(7, "explicitBounds", kDouble),
                                           Many(8, "exemplars", &kExemplar),
                                           Many(9, "attributes", &kKeyValue),
                                           One(10, "flags", kUint32),
                                           One(11, "min", kDouble),
                                           One(12, "max", kDouble)};
constexpr Message kHistogramPoint{"HistogramDataPoint", kHistogramPointFields};
constexpr Field kBucketsFields[] = {One(1, "offset", kSint32), Many(2, "bucketCounts", kUint64)};
constexpr Message kBuckets{"ExponentialHistogramDataPoint.Buckets", kBucketsFields};
constexpr Field kExponentialPointFields[] = {Many(1, "attributes", &kKeyValue),
                                             One(2, "startTimeUnixNano", kFixed64),
                                             One(3, "timeUnixNano", kFixed64),
                                             One(4, "count", kFixed64),
                                             One(5, "sum", kDouble),
                                             One(6, "scale", kSint32),
                                             One(7, "zeroCount", kFixed64),
                                             One(8, "positive", &kBuckets),
                                             One(9, "negative", &kBuckets),
                                             One(10, "flags", kUint32),
                                             Many(11, "exemplars", &kExemplar),
                                             One(12, "min", kDouble),
                                             One(13, "max", kDouble),
                                             One(14, "zeroThreshold", kDouble)};
constexpr Message kExponentialPoint{"ExponentialHistogramDataPoint", kExponentialPointFields};
constexpr Field kQuantileFields[] = {One(1, "quantile", kDouble), One(2, "value", kDouble)};
constexpr Message kQuantile{"SummaryDataPoint.ValueAtQuantile", kQuantileFields};
constexpr Field kSummaryPointFields[] = {One(2, "startTimeUnixNano", kFixed64),
                                         One(3, "timeUnixNano", kFixed64),
                                         One(4, "count", kFixed64),
                                         One(5, "sum", kDouble),
                                         Many(6, "quantileValues", &kQuantile),
                                         Many(7, "attributes", &kKeyValue),
                                         One(8, "flags", kUint32)};
constexpr Message kSummaryPoint{"SummaryDataPoint", kSummaryPointFields};

constexpr Field kGaugeFields[] = {Many(1, "dataPoints", &kNumberPoint)};
constexpr Message kGauge{"Gauge", kGaugeFields};
constexpr Field kSumFields[] = {Many(1, "dataPoints", &kNumberPoint),
                                One(2, "aggregationTemporality", kTemporalities),
                                One(3, "isMonotonic", kBool)};
constexpr Message kSum{"Sum", kSumFields};
constexpr Field kHistogramFields[] = {Many(1, "dataPoints", &kHistogramPoint),
                                      One(2, "aggregationTemporality", kTemporalities)};
constexpr Message kHistogram{"Histogram", kHistogramFields};
constexpr Field kExponentialFields[] = {Many(1, "dataPoints", &kExponentialPoint),
                                        One(2, "aggregationTemporality", kTemporalities)};
constexpr Message kExponential{"ExponentialHistogram", kExponentialFields};
constexpr Field kSummaryFields[] = {Many(1, "dataPoints", &kSummaryPoint)};
constexpr Message kSummary{"Summary", kSummaryFields};
constexpr Field kMetricFields[] = {
    One(1, "name", kString),
    One(2, "description", kString),
    One(3, "unit", kString),
    Either(One(5, "gauge", &kGauge)),
    Either(One(7, "sum", &kSum)),
    Either(One(9, "histogram", &kHistogram)),
    Either(One(10, "exponentialHistogram", &kExponential)),
    Either(One(11, "summary", &kSummary)),
    Many(12, "metadata", &kKeyValue),
};
constexpr Message kMetric{"Metric", kMetricFields};
constexpr Field kScopeMetricsFields[] = {One(1, "scope", &kScope), Many(2, "metrics", &kMetric),
                                         One(3, "schemaUrl", kString)};
constexpr Message kScopeMetrics{"ScopeMetrics", kScopeMetricsFields};
constexpr Field kResourceMetricsFields[] = {One(1, "resource", &kResource),
                                            Many(2, "scopeMetrics", &kScopeMetrics),
                                            One(3, "schemaUrl", kString)};
constexpr Message kResourceMetrics{"ResourceMetrics", kResourceMetricsFields};
constexpr Field kMetricsRequestFields[] = {Many(1, "resourceMetrics", &kResourceMetrics)};

// collector/*.proto
constexpr Field kTracePartialFields[] = {One(1, "rejectedSpans", kInt64),
                                         One(2, "errorMessage", kString)};
constexpr Message kTracePartial{"ExportTracePartialSuccess", kTracePartialFields};
constexpr Field kTraceResponseFields[] = {One(1, "partialSuccess", &kTracePartial)};
constexpr Field kLogsPartialFields[] = {One(1, "rejectedLogRecords", kInt64),
                                        One(2, "errorMessage", kString)};
constexpr Message kLogsPartial{"ExportLogsPartialSuccess", kLogsPartialFields};
constexpr Field kLogsResponseFields[] = {One(1, "partialSuccess", &kLogsPartial)};
constexpr Field kMetricsPartialFields[] = {One(1, "rejectedDataPoints", kInt64),
                                           One(2, "errorMessage", kString)};
constexpr Message kMetricsPartial{"ExportMetricsPartialSuccess", kMetricsPartialFields};
constexpr Field kMetricsResponseFields[] = {One(1, "partialSuccess", &kMetricsPartial)};

// google/rpc/status.proto
constexpr Field kStatusFields[] = {One(1, "code", kInt32), One(2, "message", kString)};

}  // namespace

constexpr Message kTraceRequest{"ExportTraceServiceRequest", kTraceRequestFields};
constexpr Message kLogsRequest{"ExportLogsServiceRequest", kLogsRequestFields};
constexpr Message kMetricsRequest{"ExportMetricsServiceRequest", kMetricsRequestFields};
constexpr Message kTraceResponse{"ExportTraceServiceResponse", kTraceResponseFields};
constexpr Message kLogsResponse{"ExportLogsServiceResponse", kLogsResponseFields};
constexpr Message kMetricsResponse{"ExportMetricsServiceResponse", kMetricsResponseFields};
constexpr Message kStatus{"Status", kStatusFields};

WireType WireTypeOf(FieldType type) {
  switch (type) {
    case kString:
    case FieldType::kBytes:
    case kId:
    case kMessage:
      return WireType::kBytes;
    case kFixed32:
      return WireType::kFixed32;
    case kFixed64:
    case kSfixed64:
    case kDouble:
      return WireType::kFixed64;
    default:
      return WireType::kVarint;
  }
}

const Field* Message::Find(uint32_t number) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.number == number; });
  return found == fields.end() ? nullptr : &*found;
}

const Field* Message::Find(std::string_view json_name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.json_name == json_name; });
  return found == fields.end() ? nullptr : &*found;
}

}  // namespace sluice::otlp
