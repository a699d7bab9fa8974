#include "agent/lines/builder.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "agent/live/resource_text.h"

namespace sluice::lines {
namespace {

using stream::Delivery;

// What each line within a span repeats, so that no small record takes a long line.
constexpr size_t kContextBytes = 16 * 1024;

// The delivery's span and its ancestors that passed the filter, outermost first.
std::vector<const live::Span*> Chain(const Delivery& delivery) {
  std::vector<const live::Span*> chain;
  for (const live::Span* span = delivery.span; span != nullptr; span = span->parent.get()) {
    // A span that failed may pass at its end alone.
    const bool is_own = span == delivery.span && delivery.kind != Delivery::Kind::kEvent;
    if (is_own || span->scope.enabled()) chain.push_back(span);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

}  // namespace

LineBuilder::ShownSpan LineBuilder::Show(const live::Span& span, size_t* room) const {
  ShownSpan shown{"...", {}};
  if (span.name.size() <= *room) {
    shown.name = span.name;
    *room -= span.name.size();
  }
  // An ended ancestor is known by name alone.
  if (span.body.empty()) return shown;
  if (span.body.size() <= *room) {
    format_.AppendFields(span.AsRecord(RecordKind::kSpan), &shown.fields);
  }
  if (span.body.size() > *room || shown.fields.size() > *room) {
    shown.fields = format_.FieldsLeftOut();
  } else {
    *room -= shown.fields.size();
  }
  return shown;
}

void LineBuilder::Append(const Delivery& delivery, std::string* lines) const {
  const auto chain = Chain(delivery);
  std::vector<ShownSpan> shown;
  shown.reserve(chain.size());
  size_t room = kContextBytes;
  for (const live::Span* const span : chain) {
    const bool is_own = delivery.kind != Delivery::Kind::kEvent && span == delivery.span;
    if (is_own) room = SIZE_MAX;
    shown.push_back(Show(*span, &room));
  }
  std::vector<SpanContextItem> context;
  context.reserve(shown.size());
  for (const ShownSpan& span : shown) context.push_back({span.name, span.fields});
  LineInput input;
  input.record = delivery.record;
  input.context = context;
  input.sender = &delivery.origin->identity;
  input.service = live::FindResourceText(delivery.origin->resource, "service.name");
  if (delivery.kind == Delivery::Kind::kEvent) return format_.AppendEvent(input, lines);
  RecordView whole = delivery.span->AsRecord(RecordKind::kSpan);
  whole.level = delivery.level;
  input.record = &whole;
  if (delivery.kind == Delivery::Kind::kSpanOpened) return format_.AppendSpanNew(input, lines);
  format_.AppendSpanClose(input, whole.span.start_unix_nano, lines);
}

}  // namespace sluice::lines
