// A trace as JSON, for programs.
#pragma once

#include <string_view>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/text.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

// {"trace_id", "spans": [...], "events": [...]}: spans in the order of the tree, each with its
// depth and the events in it; "events" are those in no known span. Ids are hexadecimal, times
// strings of nanoseconds since the Unix epoch ("0": not known), durations numbers of nanoseconds or
// null.
void RenderTreeJson(const Trace& trace, const TextSink& out);

// One event of it, as an object.
void WriteTraceEvent(const TraceEvent& event, JsonWriter* json);

// `ended`, `aborted`, `open`
std::string_view StateWord(TraceSpan::State state);

}  // namespace sluice::cli
