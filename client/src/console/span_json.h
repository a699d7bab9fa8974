// Spans as OTLP's JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
#pragma once

#include <string>
#include <string_view>

#include "proto/record/view.h"

namespace sluice {

// An encoded Resource as JSON.
std::string ResourceJson(std::string_view encoded);

// One span as a line: TracesData with one resource, scope and span, and a line feed. Of a key that
// it has twice the last value counts. `parent` stands in for the span's own.
std::string SpanJsonLine(const SpanView& span, const SpanId& parent, std::string_view target,
                         std::string_view resource_json);

}  // namespace sluice
