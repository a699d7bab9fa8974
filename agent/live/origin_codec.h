// Origins and open spans to and from what the journal holds. Bytes stay bytes: a resource or a body
// of many small values takes thirty times its size as a message.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/journal/batch_view.h"
#include "agent/live/span_table.h"
#include "sluice/v1/query.pb.h"

namespace sluice::live {

std::shared_ptr<const Origin> MakeOrigin(const journal::BatchHead& head);
// Who sent it and its resource; views of `origin`.
journal::BatchHead HeadOf(const Origin& origin);
bool IsOriginOf(const Origin& origin, const journal::BatchHead& head);

v1::Identity EncodeIdentity(const Identity& identity);

// Appends one OpenSpanState for each span of the table to an encoded Checkpoint.
void SaveOpenSpans(const SpanTable& spans, std::string* checkpoint);
// Opens them again. What cannot be read is left out.
void RestoreOpenSpans(std::string_view encoded_checkpoint, SpanTable* spans);

// The ids of each of them.
using OpenSpanFn = std::function<void(uid_t uid, const TraceId& trace, const SpanId& span)>;
void ForEachOpenSpan(std::string_view encoded_checkpoint, const OpenSpanFn& visit);

// An encoded Checkpoint with the spans of one uid and nothing else.
std::string OpenSpansOf(uid_t uid, std::string_view encoded_checkpoint);

}  // namespace sluice::live
