#include "client/src/trace_text.h"

#include <cstring>

#include "client/src/tracestate_store.h"
#include "proto/trace/context.h"

namespace sluice {

bool ExtractContext(std::string_view traceparent, std::string_view tracestate,
                    sluice_context* context) {
  const auto parsed = ParseTraceContext(traceparent, tracestate);
  if (!parsed) return false;
  *context = {};
  std::memcpy(context->trace_id, parsed->trace_id.bytes.data(), sizeof(context->trace_id));
  std::memcpy(context->span_id, parsed->span_id.bytes.data(), sizeof(context->span_id));
  context->trace_flags = parsed->flags;
  context->trace_state = InternTracestate(parsed->tracestate);
  context->is_remote = 1;
  return true;
}

bool InjectContext(const sluice_context& context, char text[SLUICE_TRACEPARENT_SIZE]) {
  TraceContext trace = {.flags = context.trace_flags};
  std::memcpy(trace.trace_id.bytes.data(), context.trace_id, sizeof(context.trace_id));
  std::memcpy(trace.span_id.bytes.data(), context.span_id, sizeof(context.span_id));
  text[0] = '\0';
  if (trace.trace_id.IsZero() || trace.span_id.IsZero()) return false;
  const std::string traceparent = FormatTraceparent(trace);
  if (traceparent.size() >= SLUICE_TRACEPARENT_SIZE) return false;
  std::memcpy(text, traceparent.c_str(), traceparent.size() + 1);
  return true;
}

}  // namespace sluice
