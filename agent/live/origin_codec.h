// Origins and open spans to and from what the journal holds.
#pragma once

#include <memory>
#include <string_view>

#include "agent/journal/batch_view.h"
#include "agent/live/span_table.h"
#include "sluice/v1/journal.pb.h"

namespace sluice::live {

std::shared_ptr<const Origin> MakeOrigin(const journal::BatchHead& head);
bool IsOriginOf(const Origin& origin, const journal::BatchHead& head);

v1::Identity EncodeIdentity(const Identity& identity);
Identity DecodeIdentity(const v1::Identity& identity);

// Appends one OpenSpanState for each span of the table.
void SaveOpenSpans(const SpanTable& spans, v1::Checkpoint* checkpoint);
// Opens them again. What cannot be read is left out.
void RestoreOpenSpans(const v1::Checkpoint& checkpoint, SpanTable* spans);
void RestoreOpenSpans(std::string_view encoded_checkpoint, SpanTable* spans);

}  // namespace sluice::live
