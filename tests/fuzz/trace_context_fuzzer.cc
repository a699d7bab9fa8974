// Propagation headers: what was read is written so that it reads back the same. Input: traceparent,
// tracestate and baggage, a line each.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proto/trace/baggage.h"
#include "proto/trace/context.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view TakeLine(std::string_view* text) {
  const size_t size = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, size);
  text->remove_prefix(std::min(size + 1, text->size()));
  return line;
}

void FuzzTraceContext(std::string_view traceparent, std::string_view tracestate) {
  const std::optional<TraceContext> context = ParseTraceContext(traceparent, tracestate);
  if (!context) return;
  Require(!context->trace_id.IsZero() && !context->span_id.IsZero());
  const std::string text = FormatTraceparent(*context);
  Require(text.size() == 55);
  const std::optional<TraceContext> again = ParseTraceContext(text, context->tracestate);
  Require(again && again->trace_id == context->trace_id && again->span_id == context->span_id);
  Require(again->flags == context->flags && again->tracestate == context->tracestate);
  for (const size_t limit : {0, 1, 100, 512}) {
    const std::string cut = TruncateTracestate(context->tracestate, limit);
    Require(cut.size() <= limit && ParseTracestate(cut) == cut);
  }
}

void FuzzBaggage(std::string_view header) {
  const std::vector<BaggageMember> members = ParseBaggage(header);
  Require(members.size() <= kBaggageMembers);
  for (const BaggageMember& member : members) Require(IsValidUtf8(member.value));
  const std::string text = FormatBaggage(members);
  Require(text.size() <= kBaggageBytes);
  const std::vector<BaggageMember> again = ParseBaggage(text);
  Require(again.size() <= members.size() &&
          std::equal(again.begin(), again.end(), members.begin()));
  // Encoding may lengthen a value; where nothing was cut, nothing is lost.
  if (header.size() * 9 <= kBaggageBytes) Require(again == members);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string_view traceparent = sluice::TakeLine(&text);
  const std::string_view tracestate = sluice::TakeLine(&text);
  sluice::FuzzTraceContext(traceparent, tracestate);
  sluice::FuzzBaggage(text);
  return 0;
}
