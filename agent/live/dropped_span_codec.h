// Dropped spans (SpanTable::Dropped) to and from what the journal holds.
#pragma once

#include <string>
#include <string_view>

#include "agent/journal/batch_view.h"
#include "agent/live/span_table.h"

namespace sluice::live {

// Appends one field of JournalBatch.dropped_spans.
void AppendDroppedSpan(const SpanKey& key, const SpanId& nearest_kept, bool has_ended,
                       std::string* batch);
// Does to the table what the dropped_spans of a batch say, in order.
void ApplyDroppedSpans(const journal::BatchView& batch, SpanTable* spans);

// Appends one DroppedSpanState for each of the table to an encoded Checkpoint.
void SaveDroppedSpans(const SpanTable& spans, std::string* checkpoint);
// Adds them again. What cannot be read is left out.
void RestoreDroppedSpans(std::string_view encoded_checkpoint, SpanTable* spans);

}  // namespace sluice::live
