#include "proto/otlp/schema.h"

#include <map>
#include <string>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "sluice/otlp/v1/rpc_status.pb.h"

namespace sluice::otlp {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

bool IsId(const FieldDescriptor& field) {
  return field.name() == "trace_id" || field.name() == "span_id" ||
         field.name() == "parent_span_id";
}

FieldType TypeOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
      return FieldType::kString;
    case FieldDescriptor::TYPE_BYTES:
      return IsId(field) ? FieldType::kId : FieldType::kBytes;
    case FieldDescriptor::TYPE_BOOL:
      return FieldType::kBool;
    case FieldDescriptor::TYPE_ENUM:
      return FieldType::kEnum;
    case FieldDescriptor::TYPE_INT32:
      return FieldType::kInt32;
    case FieldDescriptor::TYPE_UINT32:
      return FieldType::kUint32;
    case FieldDescriptor::TYPE_INT64:
      return FieldType::kInt64;
    case FieldDescriptor::TYPE_FIXED32:
      return FieldType::kFixed32;
    case FieldDescriptor::TYPE_FIXED64:
      return FieldType::kFixed64;
    case FieldDescriptor::TYPE_DOUBLE:
      return FieldType::kDouble;
    default:
      return FieldType::kMessage;
  }
}

void CompareEnum(const Field& field, const EnumDescriptor& expected) {
  ASSERT_EQ(static_cast<int>(field.enum_values.size()), expected.value_count());
  for (int i = 0; i < expected.value_count(); ++i) {
    EXPECT_EQ(field.enum_values[i].name, expected.value(i)->name());
    EXPECT_EQ(field.enum_values[i].number, expected.value(i)->number());
  }
}

void Compare(const Message& message, const Descriptor& expected, int depth = 0);

void CompareField(const Field& field, const FieldDescriptor& expected, int depth) {
  EXPECT_EQ(field.json_name, expected.json_name());
  EXPECT_EQ(field.is_repeated, expected.is_repeated());
  EXPECT_EQ(field.is_in_oneof, expected.containing_oneof() != nullptr);
  // Ours does not look into a metric.
  if (field.message != nullptr && field.message->name == "Metric") return;
  EXPECT_EQ(field.type, TypeOf(expected));
  if (field.type == FieldType::kMessage) Compare(*field.message, *expected.message_type(), depth);
  if (field.type == FieldType::kEnum) CompareEnum(field, *expected.enum_type());
}

void Compare(const Message& message, const Descriptor& expected, int depth) {
  // Values are within values.
  if (depth > 10) return;
  for (int i = 0; i < expected.field_count(); ++i) {
    const FieldDescriptor& field = *expected.field(i);
    if (expected.name() == "RpcStatus" && field.name() == "details") continue;
    SCOPED_TRACE(field.full_name());
    const Field* const found = message.Find(static_cast<uint32_t>(field.number()));
    ASSERT_NE(found, nullptr);
    CompareField(*found, field, depth + 1);
  }
  for (const Field& field : message.fields) {
    EXPECT_NE(expected.FindFieldByNumber(static_cast<int>(field.number)), nullptr)
        << message.name << "." << field.json_name;
  }
}

TEST(SchemaTest, IsThatOfTheMessages) {
  Compare(kTraceRequest, *v1::ExportTraceServiceRequest::descriptor());
  Compare(kLogsRequest, *v1::ExportLogsServiceRequest::descriptor());
  Compare(kMetricsRequest, *v1::ExportMetricsServiceRequest::descriptor());
  Compare(kTraceResponse, *v1::ExportTraceServiceResponse::descriptor());
  Compare(kLogsResponse, *v1::ExportLogsServiceResponse::descriptor());
  Compare(kMetricsResponse, *v1::ExportMetricsServiceResponse::descriptor());
  Compare(kStatus, *v1::RpcStatus::descriptor());
}

const char* TypeName(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return "string";
    case FieldType::kId:
      return "id";
    case FieldType::kBool:
      return "bool";
    case FieldType::kEnum:
      return "enum";
    case FieldType::kUint32:
      return "uint32";
    case FieldType::kSint32:
      return "sint32";
    case FieldType::kUint64:
      return "uint64";
    case FieldType::kFixed64:
      return "fixed64";
    case FieldType::kSfixed64:
      return "sfixed64";
    case FieldType::kDouble:
      return "double";
    default:
      return "other";
  }
}

std::string Describe(const Field& field) {
  std::string text = std::to_string(field.number) + (field.is_in_oneof ? " oneof" : "") +
                     (field.is_repeated ? " repeated " : " ");
  text += field.message != nullptr ? std::string(field.message->name) : TypeName(field.type);
  return text + " " + std::string(field.json_name);
}

// By name, what there is to say of a metric's message and of those within it.
void Describe(const Message& message, std::map<std::string, std::string>* all) {
  std::string* const text = &(*all)[std::string(message.name)];
  if (!text->empty()) return;
  for (const Field& field : message.fields) {
    *text += std::string(message.name) + "." + Describe(field) + "\n";
  }
  for (const Field& field : message.fields) {
    if (field.message != nullptr && field.message->name != "KeyValue") {
      Describe(*field.message, all);
    }
  }
}

// Printed from the descriptors of the package opentelemetry-proto 1.45, since ours do not look into
// a metric.
constexpr char kPublishedMetrics[] = R"(
Exemplar.2 fixed64 timeUnixNano
Exemplar.3 oneof double asDouble
Exemplar.4 id spanId
Exemplar.5 id traceId
Exemplar.6 oneof sfixed64 asInt
Exemplar.7 repeated KeyValue filteredAttributes
ExponentialHistogram.1 repeated ExponentialHistogramDataPoint dataPoints
ExponentialHistogram.2 enum aggregationTemporality
ExponentialHistogramDataPoint.1 repeated KeyValue attributes
ExponentialHistogramDataPoint.2 fixed64 startTimeUnixNano
ExponentialHistogramDataPoint.3 fixed64 timeUnixNano
ExponentialHistogramDataPoint.4 fixed64 count
ExponentialHistogramDataPoint.5 double sum
ExponentialHistogramDataPoint.6 sint32 scale
ExponentialHistogramDataPoint.7 fixed64 zeroCount
ExponentialHistogramDataPoint.8 ExponentialHistogramDataPoint.Buckets positive
ExponentialHistogramDataPoint.9 ExponentialHistogramDataPoint.Buckets negative
ExponentialHistogramDataPoint.10 uint32 flags
ExponentialHistogramDataPoint.11 repeated Exemplar exemplars
ExponentialHistogramDataPoint.12 double min
ExponentialHistogramDataPoint.13 double max
ExponentialHistogramDataPoint.14 double zeroThreshold
ExponentialHistogramDataPoint.Buckets.1 sint32 offset
ExponentialHistogramDataPoint.Buckets.2 repeated uint64 bucketCounts
Gauge.1 repeated NumberDataPoint dataPoints
Histogram.1 repeated HistogramDataPoint dataPoints
Histogram.2 enum aggregationTemporality
HistogramDataPoint.2 fixed64 startTimeUnixNano
HistogramDataPoint.3 fixed64 timeUnixNano
HistogramDataPoint.4 fixed64 count
HistogramDataPoint.5 double sum
HistogramDataPoint.6 repeated fixed64 bucketCounts
HistogramDataPoint.7 repeated double explicitBounds
HistogramDataPoint.8 repeated Exemplar exemplars
HistogramDataPoint.9 repeated KeyValue attributes
HistogramDataPoint.10 uint32 flags
HistogramDataPoint.11 double min
HistogramDataPoint.12 double max
Metric.1 string name
Metric.2 string description
Metric.3 string unit
Metric.5 oneof Gauge gauge
Metric.7 oneof Sum sum
Metric.9 oneof Histogram histogram
Metric.10 oneof ExponentialHistogram exponentialHistogram
Metric.11 oneof Summary summary
Metric.12 repeated KeyValue metadata
NumberDataPoint.2 fixed64 startTimeUnixNano
NumberDataPoint.3 fixed64 timeUnixNano
NumberDataPoint.4 oneof double asDouble
NumberDataPoint.5 repeated Exemplar exemplars
NumberDataPoint.6 oneof sfixed64 asInt
NumberDataPoint.7 repeated KeyValue attributes
NumberDataPoint.8 uint32 flags
Sum.1 repeated NumberDataPoint dataPoints
Sum.2 enum aggregationTemporality
Sum.3 bool isMonotonic
Summary.1 repeated SummaryDataPoint dataPoints
SummaryDataPoint.2 fixed64 startTimeUnixNano
SummaryDataPoint.3 fixed64 timeUnixNano
SummaryDataPoint.4 fixed64 count
SummaryDataPoint.5 double sum
SummaryDataPoint.6 repeated SummaryDataPoint.ValueAtQuantile quantileValues
SummaryDataPoint.7 repeated KeyValue attributes
SummaryDataPoint.8 uint32 flags
SummaryDataPoint.ValueAtQuantile.1 double quantile
SummaryDataPoint.ValueAtQuantile.2 double value
)";

TEST(SchemaTest, KnowsMetricsAsTheyArePublished) {
  const Message& metric = *kMetricsRequest.Find("resourceMetrics")
                               ->message->Find("scopeMetrics")
                               ->message->Find("metrics")
                               ->message;
  std::map<std::string, std::string> all;
  Describe(metric, &all);
  std::string text = "\n";
  for (const auto& [name, fields] : all) text += fields;
  EXPECT_EQ(text, kPublishedMetrics);
}

TEST(SchemaTest, FindsByNameAndNumber) {
  EXPECT_EQ(kTraceResponse.Find("partialSuccess"), kTraceResponse.Find(1));
  EXPECT_EQ(kTraceResponse.Find("partial_success"), nullptr);
  EXPECT_EQ(kTraceResponse.Find(2), nullptr);
}

TEST(SchemaTest, NumbersAscend) {
  const auto check = [](const Message& message, int depth, auto&& self) -> void {
    uint32_t last = 0;
    for (const Field& field : message.fields) {
      EXPECT_GT(field.number, last) << message.name;
      last = field.number;
      if (field.message != nullptr && depth < 10) self(*field.message, depth + 1, self);
    }
  };
  for (const Message* message : {&kTraceRequest, &kLogsRequest, &kMetricsRequest}) {
    check(*message, 0, check);
  }
}

}  // namespace
}  // namespace sluice::otlp
