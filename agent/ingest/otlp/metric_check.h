// Judges a metric, which is passed on as it came and read by nobody here.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/record/check.h"

namespace sluice::ingest::otlp {

struct MetricVerdict {
  // kNone, kTooLarge or kMalformed.
  RecordFault fault = RecordFault::kNone;
  bool invalid_utf8 = false;
  // What OTLP counts: at least 1 where the metric is malformed.
  uint64_t data_points = 0;
};

// An encoded Metric. One bad string in it would have others refuse a whole export.
MetricVerdict CheckMetric(std::string_view encoded);

}  // namespace sluice::ingest::otlp
