#include "agent/lines/builder.h"

#include <algorithm>
#include <vector>

#include "agent/lines/scope.h"
#include "agent/live/resource_text.h"
#include "proto/wire/utf8.h"

namespace sluice::lines {
namespace {

using stream::Delivery;

constexpr size_t kShortScope = 128;
// Of what each line of a sender repeats.
constexpr size_t kServiceBytes = 256;

// The delivery's span and its ancestors that passed the filter, innermost first.
std::vector<const live::Span*> Chain(const Delivery& delivery) {
  std::vector<const live::Span*> chain;
  for (const live::Span* span = delivery.span; span != nullptr; span = span->parent.get()) {
    // A span that failed may pass at its end alone.
    const bool is_own = span == delivery.span && delivery.kind != Delivery::Kind::kEvent;
    if (is_own || span->scope.enabled()) chain.push_back(span);
  }
  return chain;
}

}  // namespace

LineBuilder::LineBuilder(const LineOptions& options)
    : format_(options),
      max_scope_(options.max_scope),
      shows_service_(options.style != LineStyle::kText || options.brief) {}

std::string_view LineBuilder::ServiceOf(const Delivery& delivery) {
  if (service_sequence_ != delivery.sequence) {
    const auto service = live::FindResourceText(delivery.origin->resource, "service.name");
    service_ = service.substr(0, Utf8Boundary(service, kServiceBytes));
    service_sequence_ = delivery.sequence;
  }
  return service_;
}

void LineBuilder::Append(const Delivery& delivery, std::string* lines, LineForm form) {
  const bool is_short = form == LineForm::kShort;
  const bool is_end = delivery.kind == Delivery::Kind::kSpanClosed;
  const bool shows_span = delivery.kind == Delivery::Kind::kSpanOpened || (is_end && !is_short);
  const size_t room = is_short ? std::min(max_scope_, kShortScope) : max_scope_;
  const Scope scope(format_, Chain(delivery), room, shows_span);

  LineInput input;
  input.record = delivery.record;
  input.context = scope.items();
  input.sender = &delivery.origin->identity;
  input.received_unix_nano = delivery.received_unix_nano;
  if (shows_service_ && !is_short) input.service = ServiceOf(delivery);
  if (delivery.kind == Delivery::Kind::kEvent) return format_.AppendEvent(input, lines);
  RecordView whole = delivery.span->AsRecord(RecordKind::kSpan);
  whole.level = delivery.level;
  input.record = &whole;
  if (!is_end) return format_.AppendSpanNew(input, lines);
  format_.AppendSpanClose(input, whole.span.start_unix_nano, lines);
}

}  // namespace sluice::lines
