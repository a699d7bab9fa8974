// A trace in OTLP's JSON, for what reads files of OpenTelemetry's.
//
// Spans stand under the resource of their process, with its identity as the agent's own export has
// it (`sluice.uid`, `sluice.pid` and so on), and a scope named by their target. A span that has not
// ended has no end, and the attribute `sluice.open`.
#pragma once

#include "client/cli/render/text.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

// One document, `{"resourceSpans":[...]}`. Events stand within the span that they lie in; such as
// lie in none that is seen are left out.
void RenderOtlpJson(const Trace& trace, const TextSink& out);
// How many are.
size_t EventsOutsideSpans(const Trace& trace);

// What the Collector's file exporter writes: an export request a line, of spans and, where there
// are events, one of log records.
void RenderOtlpLines(const Trace& trace, const TextSink& out);

}  // namespace sluice::cli
