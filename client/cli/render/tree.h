// A trace as a tree of lines.
#pragma once

#include <string>

#include "client/cli/render/text.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

// A line for the trace, then one a span and an event, children below their parent:
//
//   trace 4bf92f3577b34da6a3ce929d0e0e4736  2026-11-20T09:27:53.502904Z  2 spans, 1 event
//   build  1.20 s  uid 1000  pid 4242  demo
//   `- compile  900 ms  ERROR exit status 2  pid 4250
//      `- 09:27:53.600000  WARN  slow disk device=sda
//
// uid, pid, service and unit stand where they differ from the parent's. A span without end is
// `open since` its start, one whose process is gone `aborted` and why, in the agent's words; a
// duration stands only where both of its times are known.
std::string RenderTree(const Trace& trace, const TextStyle& style);

}  // namespace sluice::cli
