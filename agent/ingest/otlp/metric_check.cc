#include "agent/ingest/otlp/metric_check.h"

#include <algorithm>

#include "proto/otlp/schema.h"
#include "proto/record/limits.h"
#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"

namespace sluice::ingest::otlp {
namespace {

using sluice::otlp::Field;
using sluice::otlp::FieldType;
using sluice::otlp::Message;

// Messages within one another: each level of a value is up to three, and a few are around it.
constexpr int kMostDepth = 3 * limits::kOtlpValueDepth + 6;

const Message& MetricMessage() {
  static const Message& message = *sluice::otlp::kMetricsRequest.Find("resourceMetrics")
                                       ->message->Find("scopeMetrics")
                                       ->message->Find("metrics")
                                       ->message;
  return message;
}

bool FitsType(const Field& field, WireType type) {
  const WireType expected = WireTypeOf(field.type);
  const bool is_packed = field.is_repeated && type == WireType::kBytes;
  return type == expected || is_packed;
}

class MetricJudge {
 public:
  bool Walk(std::string_view encoded, const Message& message, int depth) {
    if (depth > kMostDepth) return false;
    WireReader reader(encoded);
    for (WireField field; reader.Next(&field);) {
      const Field* const known = message.Find(field.number());
      if (known == nullptr) continue;
      if (!FitsType(*known, field.type())) return false;
      if (!Look(field.bytes, *known, depth)) return false;
    }
    return reader.ok();
  }

  const MetricVerdict& verdict() const { return verdict_; }

 private:
  bool Look(std::string_view bytes, const Field& field, int depth) {
    if (field.type == FieldType::kString && !IsValidUtf8(bytes)) verdict_.invalid_utf8 = true;
    if (field.type != FieldType::kMessage) return true;
    verdict_.data_points += field.json_name == "dataPoints";
    return Walk(bytes, *field.message, depth + 1);
  }

  MetricVerdict verdict_;
};

}  // namespace

MetricVerdict CheckMetric(std::string_view encoded) {
  if (encoded.size() > limits::kOtlpItemBytes) {
    return {.fault = RecordFault::kTooLarge, .data_points = 1};
  }
  MetricJudge judge;
  const bool is_sound = judge.Walk(encoded, MetricMessage(), 1);
  MetricVerdict verdict = judge.verdict();
  if (!is_sound) {
    verdict.fault = RecordFault::kMalformed;
    verdict.data_points = std::max<uint64_t>(verdict.data_points, 1);
  }
  return verdict;
}

}  // namespace sluice::ingest::otlp
