#include "agent/sinks/log/line_builder.h"

#include <algorithm>
#include <vector>

#include "agent/live/resource_text.h"

namespace sluice::log_sink {
namespace {

using sinks::Delivery;

// `span` and its ancestors that passed the filter, outermost first.
std::vector<const live::Span*> Chain(const live::Span* span) {
  std::vector<const live::Span*> chain;
  for (; span != nullptr; span = span->parent.get()) {
    if (span->scope.enabled()) chain.push_back(span);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

}  // namespace

void LineBuilder::Append(const Delivery& delivery, std::string* lines) const {
  const auto chain = Chain(delivery.span);
  std::vector<std::string> fields(chain.size());
  std::vector<SpanContextItem> context;
  context.reserve(chain.size());
  for (size_t i = 0; i < chain.size(); ++i) {
    // An ended ancestor is known by name alone.
    if (!chain[i]->body.empty())
      format_.AppendFields(chain[i]->AsRecord(RecordKind::kSpan), &fields[i]);
    context.push_back({chain[i]->name, fields[i]});
  }
  LineInput input;
  input.record = delivery.record;
  input.context = context;
  input.sender = &delivery.origin->identity;
  input.service = live::FindResourceText(delivery.origin->resource, "service.name");
  if (delivery.kind == Delivery::Kind::kEvent) return format_.AppendEvent(input, lines);
  const RecordView whole = delivery.span->AsRecord(RecordKind::kSpan);
  input.record = &whole;
  if (delivery.kind == Delivery::Kind::kSpanOpened) return format_.AppendSpanNew(input, lines);
  format_.AppendSpanClose(input, whole.span.start_unix_nano, lines);
}

}  // namespace sluice::log_sink
