// The field numbers of the journal's messages, as proto/record/field_numbers.h has those of the
// rest.
#pragma once

#include <cstdint>

namespace sluice::journal {

namespace journal_batch_field {  // sluice.disk.v1.JournalBatch
inline constexpr uint32_t kIdentity = 1;
inline constexpr uint32_t kRecords = 2;
inline constexpr uint32_t kReceivedUnixNano = 3;
inline constexpr uint32_t kReceivedBoottimeNano = 4;
inline constexpr uint32_t kClientId = 5;
inline constexpr uint32_t kFirstSequence = 6;
inline constexpr uint32_t kSentRecords = 7;
inline constexpr uint32_t kResource = 8;
inline constexpr uint32_t kSynthetic = 9;
inline constexpr uint32_t kSenderIsHostRoot = 10;
inline constexpr uint32_t kScopeSpans = 11;
inline constexpr uint32_t kScopeLogs = 12;
inline constexpr uint32_t kScopeMetrics = 13;
inline constexpr uint32_t kResourceSchemaUrl = 14;
inline constexpr uint32_t kResourceRest = 15;
inline constexpr uint32_t kDroppedSpans = 17;
inline constexpr uint32_t kOwner = 18;
}  // namespace journal_batch_field

namespace span_owner_field {  // sluice.disk.v1.SpanOwner
inline constexpr uint32_t kPid = 1;
inline constexpr uint32_t kStartTimeTicks = 2;
inline constexpr uint32_t kEndBoottimeNano = 3;
}  // namespace span_owner_field

namespace checkpoint_field {  // sluice.disk.v1.Checkpoint
inline constexpr uint32_t kCursors = 1;
inline constexpr uint32_t kClients = 2;
inline constexpr uint32_t kOpenSpans = 3;
inline constexpr uint32_t kCounters = 4;
inline constexpr uint32_t kBootId = 5;
inline constexpr uint32_t kSegments = 6;
inline constexpr uint32_t kDroppedSpans = 7;
}  // namespace checkpoint_field

namespace dropped_span_field {  // sluice.disk.v1.DroppedSpan
inline constexpr uint32_t kTraceId = 1;
inline constexpr uint32_t kSpanId = 2;
inline constexpr uint32_t kNearestKeptSpanId = 3;
inline constexpr uint32_t kHasEnded = 4;
}  // namespace dropped_span_field

namespace dropped_span_state_field {  // sluice.disk.v1.DroppedSpanState
inline constexpr uint32_t kUid = 1;
inline constexpr uint32_t kPid = 2;
inline constexpr uint32_t kStartTimeTicks = 3;
inline constexpr uint32_t kSpan = 4;
inline constexpr uint32_t kOwner = 5;
}  // namespace dropped_span_state_field

namespace segment_usage_field {  // sluice.disk.v1.SegmentUsage
inline constexpr uint32_t kFirstSequence = 1;
inline constexpr uint32_t kBytes = 2;
inline constexpr uint32_t kNewestUnixNano = 3;
inline constexpr uint32_t kUsers = 4;
inline constexpr uint32_t kPartial = 5;
inline constexpr uint32_t kGeneration = 6;
inline constexpr uint32_t kEndSequence = 7;
}  // namespace segment_usage_field

namespace user_usage_field {  // sluice.disk.v1.UserUsage
inline constexpr uint32_t kUid = 1;
inline constexpr uint32_t kBytes = 2;
}  // namespace user_usage_field

namespace sink_cursor_field {  // sluice.disk.v1.SinkCursor
inline constexpr uint32_t kSink = 1;
inline constexpr uint32_t kSequence = 2;
}  // namespace sink_cursor_field

namespace open_span_state_field {  // sluice.disk.v1.OpenSpanState
inline constexpr uint32_t kIdentity = 1;
inline constexpr uint32_t kResource = 2;
inline constexpr uint32_t kRecords = 3;
inline constexpr uint32_t kReceivedBoottimeNano = 4;
inline constexpr uint32_t kOwner = 5;
}  // namespace open_span_state_field

}  // namespace sluice::journal
