// W3C Trace Context: which trace and span a piece of work belongs to, as text that crosses
// processes. https://www.w3.org/TR/trace-context-2/. Malformed text is the same as none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/trace/ids.h"

namespace sluice {

// Environment variables that carry the context, and baggage.h's baggage, to a child process.
inline constexpr std::string_view kTraceparentEnv = "TRACEPARENT";
inline constexpr std::string_view kTracestateEnv = "TRACESTATE";
inline constexpr std::string_view kBaggageEnv = "BAGGAGE";

// Bits of TraceContext::flags.
inline constexpr uint8_t kSampledFlag = 0x01;
inline constexpr uint8_t kRandomTraceIdFlag = 0x02;

struct TraceContext {
  TraceId trace_id;  // not zero
  SpanId span_id;    // not zero
  uint8_t flags = 0;
  std::string tracestate;  // as ParseTracestate gives it
};

// `traceparent` is 00-<32 hex digits>-<16>-<2>, or of a higher version, of which the first four
// fields count. Digits may be of either case. Flags beyond the two known ones are cleared. A
// malformed tracestate is dropped alone.
std::optional<TraceContext> ParseTraceContext(std::string_view traceparent,
                                              std::string_view tracestate = {});
// Version 00, 55 characters.
std::string FormatTraceparent(const TraceContext& context);

// The list without blanks and empty members; empty where it is malformed: more than 32 members, a
// key twice, or a character that may not be.
std::string ParseTracestate(std::string_view list);
// A parsed list cut to `limit` bytes by whole members: first those longer than 128 bytes, then from
// the right. The limit is what every vendor must at least carry.
std::string TruncateTracestate(std::string_view list, size_t limit = 512);

}  // namespace sluice
