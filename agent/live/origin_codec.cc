#include "agent/live/origin_codec.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "agent/journal/field_numbers.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::live {
namespace {

using journal::checkpoint_field::kOpenSpans;
namespace open_span_state_field = journal::open_span_state_field;

// The span so far as one START record.
void WriteStart(const Span& span, StringWireWriter* writer) {
  const auto record = writer->Begin(open_span_state_field::kRecords);
  writer->Varint(record_field::kKind, static_cast<uint64_t>(RecordKind::kSpanStart));
  writer->Varint(record_field::kLevel, static_cast<uint64_t>(span.level));
  writer->Bytes(record_field::kTarget, span.target);
  for (uint32_t index = 0; index < span.attribute_count; ++index) {
    if (span.bare.Has(index)) writer->Varint(record_field::kBareAttributes, index);
  }
  writer->Bytes(record_field::kSpan, span.body);
  writer->End(record);
}

void WriteOpenSpan(const Span& span, StringWireWriter* writer) {
  const auto state = writer->Begin(kOpenSpans);
  journal::WriteIdentity(HeadOf(*span.origin), writer);
  if (!span.origin->resource.empty())
    writer->Bytes(open_span_state_field::kResource, span.origin->resource);
  WriteStart(span, writer);
  writer->Fixed64(open_span_state_field::kReceivedBoottimeNano, span.received_boottime_nano);
  journal::WriteOwner(open_span_state_field::kOwner, span.origin->owner, writer);
  writer->End(state);
}

// An OpenSpanState, read in place.
struct OpenSpanState {
  journal::BatchHead head;
  FieldRange records;
};
std::optional<OpenSpanState> ReadOpenSpan(std::string_view encoded) {
  OpenSpanState state{{}, {encoded, open_span_state_field::kRecords}};
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(open_span_state_field::kIdentity, WireType::kBytes)) {
      if (!journal::ReadIdentity(field.bytes, &state.head)) return std::nullopt;
    } else if (field.tag == WireTag(open_span_state_field::kResource, WireType::kBytes)) {
      state.head.resource = field.bytes;
    } else if (field.tag ==
               WireTag(open_span_state_field::kReceivedBoottimeNano, WireType::kFixed64)) {
      state.head.received_boottime_nano = field.scalar;
    } else if (field.tag == WireTag(open_span_state_field::kOwner, WireType::kBytes)) {
      if (!journal::ReadOwner(field.bytes, &state.head.owner)) return std::nullopt;
    }
  }
  if (!reader.ok()) return std::nullopt;
  return state;
}

}  // namespace

std::shared_ptr<const Origin> MakeOrigin(const journal::BatchHead& head) {
  auto origin = std::make_shared<Origin>();
  origin->identity = {head.pid,
                      head.uid,
                      head.gid,
                      head.start_time_ticks,
                      std::string(head.unit),
                      std::string(head.pod),
                      std::string(head.comm)};
  origin->resource = head.resource;
  origin->owner = head.owner;
  return origin;
}

journal::BatchHead HeadOf(const Origin& origin) {
  const Identity& identity = origin.identity;
  journal::BatchHead head;
  head.pid = identity.pid;
  head.uid = identity.uid;
  head.gid = identity.gid;
  head.start_time_ticks = identity.start_time_ticks;
  head.unit = identity.unit;
  head.comm = identity.comm;
  head.pod = identity.pod;
  head.resource = origin.resource;
  head.owner = origin.owner;
  return head;
}

bool IsOriginOf(const Origin& origin, const journal::BatchHead& head) {
  const Identity& identity = origin.identity;
  return identity.pid == head.pid && identity.uid == head.uid && identity.gid == head.gid &&
         identity.start_time_ticks == head.start_time_ticks && identity.unit == head.unit &&
         identity.comm == head.comm && identity.pod == head.pod &&
         origin.resource == head.resource && origin.owner == head.owner;
}

v1::Identity EncodeIdentity(const Identity& identity) {
  v1::Identity encoded;
  encoded.set_pid(identity.pid);
  encoded.set_uid(identity.uid);
  encoded.set_gid(identity.gid);
  encoded.set_start_time_ticks(identity.start_time_ticks);
  encoded.set_unit(identity.unit);
  encoded.set_comm(identity.comm);
  encoded.set_pod(identity.pod);
  return encoded;
}

void SaveOpenSpans(const SpanTable& spans, std::string* checkpoint) {
  // Parents first, so that they are found when their children are opened again.
  std::vector<std::shared_ptr<Span>> ordered;
  spans.ForEach([&](const std::shared_ptr<Span>& span) { ordered.push_back(span); });
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a->depth < b->depth; });
  StringWireWriter writer{StringSink(checkpoint)};
  for (const auto& span : ordered) WriteOpenSpan(*span, &writer);
}

void RestoreOpenSpans(std::string_view encoded_checkpoint, SpanTable* spans) {
  std::shared_ptr<const Origin> origin;
  for (const std::string_view encoded : FieldRange(encoded_checkpoint, kOpenSpans)) {
    const auto state = ReadOpenSpan(encoded);
    if (!state.has_value()) continue;
    if (origin == nullptr || !IsOriginOf(*origin, state->head)) origin = MakeOrigin(state->head);
    for (const std::string_view record : state->records) {
      const auto view = ReadRecord(record);
      if (view.has_value()) spans->Apply(*view, origin, state->head.received_boottime_nano);
    }
  }
}

void ForEachOpenSpan(std::string_view encoded_checkpoint, const OpenSpanFn& visit) {
  for (const std::string_view encoded : FieldRange(encoded_checkpoint, kOpenSpans)) {
    const auto state = ReadOpenSpan(encoded);
    if (!state.has_value() || state->records.begin() == state->records.end()) continue;
    const auto start = ReadRecord(*state->records.begin());
    if (start.has_value()) visit(state->head.uid, start->span.trace_id, start->span.span_id);
  }
}

std::string OpenSpansOf(uid_t uid, std::string_view encoded_checkpoint) {
  std::string own;
  StringWireWriter writer{StringSink(&own)};
  for (const std::string_view encoded : FieldRange(encoded_checkpoint, kOpenSpans)) {
    const auto state = ReadOpenSpan(encoded);
    if (state.has_value() && state->head.uid == uid) writer.Bytes(kOpenSpans, encoded);
  }
  return own;
}

}  // namespace sluice::live
