// What went wrong in a trace, for people and for programs.
#pragma once

#include <cstdint>
#include <string>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/text.h"
#include "client/cli/trace/why.h"

namespace sluice::cli {

// A line for the trace, then one block for each failure and each span that is waited for:
//
//   provision failed  trace 4bf92f35...  2026-11-20T09:27:53.502904Z  12.3 s
//
//   resize_root: aborted: signal 9 (SIGKILL)  disk=sda
//     09:27:56.702904, 3.20 s after the beginning; ran 1.20 s; uid 65534, pid 4250, demo
//     in provision > configure
//     before:
//       09:27:55.600000  WARN  partition: slow disk device=sda
//
//   waits for fetch_metadata since 09:27:54.100000 (3m20s); uid 65534, pid 4251
//     in provision
std::string RenderWhy(const Trace& trace, const TraceWhy& why, uint64_t now_unix_nano,
                      const TextStyle& style);

// One object: {"trace_id", "root", "failures": [...], "more_failures", "open": [...]}.
void WriteWhy(const Trace& trace, const TraceWhy& why, JsonWriter* json);

// `signal 9`-like words of a failed span, `ERROR` where it says nothing; empty: it did not fail.
std::string FailureText(const TraceSpan& span);

// The name, or where there is none the id.
std::string SpanName(const TraceSpan& span);

}  // namespace sluice::cli
