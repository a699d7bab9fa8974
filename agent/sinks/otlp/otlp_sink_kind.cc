#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/sink_kind.h"

namespace sluice::sinks {

// This version checks the settings, and has no export yet that they could be for.
// A flush that names no sink does not wait for a network.
SinkKind OtlpSinkKind() { return {.section = otlp::OtlpSection(), .flushed_by_default = false}; }

}  // namespace sluice::sinks
