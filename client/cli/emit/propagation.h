// The trace context of a process: what its environment brings and what it hands to its children.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/cli/emit/attribute.h"
#include "client/cli/options.h"
#include "proto/trace/context.h"

namespace sluice::cli {

// What TRACEPARENT and TRACESTATE say; malformed is the same as absent.
std::optional<TraceContext> IncomingContext(const Environment& environment);

// `inherited` (NAME=VALUE, null at its end) with TRACEPARENT and TRACESTATE of `context` in place
// of its own. BAGGAGE goes on as it is where any of it can be read, else not at all.
std::vector<std::string> ChildEnvironment(char* const* inherited, const TraceContext& context);

// What of BAGGAGE the variable SLUICE_BAGGAGE_KEYS makes attributes of a span.
std::vector<Attribute> BaggageAttributes(const Environment& environment);

// A span below `incoming`, or the root of a new trace; tracestate goes on with it.
TraceContext NewSpanContext(const std::optional<TraceContext>& incoming);

// Random bytes from the kernel; not zero.
TraceId NewTraceId();
SpanId NewSpanId();
ClientId NewClientId();

// An encoded Resource out of OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES; the former wins over a
// `service.name` in the latter. What cannot be read is noted on stderr and left out whole. Empty:
// neither is set.
std::string ResourceFromEnvironment(const Environment& environment);

}  // namespace sluice::cli
