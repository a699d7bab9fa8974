// A trace in OTLP's JSON, for what reads files of OpenTelemetry's.
//
// Spans stand under the resource of their process, with its identity as the agent's own export has
// it (`sluice.uid`, `sluice.pid` and so on), and a scope named by their target. A span that has not
// ended has no end, and the attribute `sluice.open`.
#pragma once

#include <string>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

// One document, `{"resourceSpans":[...]}`. Events stand within the span that they lie in; such as
// lie in none that is seen are left out, and counted in `*events_left_out`.
std::string RenderOtlpJson(const Trace& trace, size_t* events_left_out);

// What the Collector's file exporter writes: an export request a line, of spans and, where there
// are events, one of log records.
std::string RenderOtlpLines(const Trace& trace);

}  // namespace sluice::cli
