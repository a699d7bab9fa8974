// Whether a destination of the export can be reached, step by step.
#pragma once

#include <string>

#include "agent/control/streamed_answer.h"
#include "agent/sinks/otlp/otlp_settings.h"

namespace sluice::control {

struct ExportTarget {
  std::string sink;  // `otlp.backup`
  otlp::OtlpSettings settings;
};

// Over a connection of its own, one signal after the other: an empty request, and with `span` one
// that holds a span. Ends early where nobody listens any more. Sends a TestExportResponse for each
// step and one for what came of each signal.
void ProbeExport(const ExportTarget& target, bool span, AnswerStream& stream);

// An encoded ExportTraceServiceRequest with one span, named `sluice otlp test`.
std::string TestSpan(uint64_t unix_nano);

}  // namespace sluice::control
