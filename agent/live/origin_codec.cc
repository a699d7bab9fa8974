#include "agent/live/origin_codec.h"

#include <algorithm>
#include <string>
#include <vector>

#include "proto/contract/wire_writer.h"

namespace sluice::live {
namespace {

// The span so far as one START record.
std::string EncodeStart(const Span& span) {
  std::string record;
  StringWireWriter writer{StringSink(&record)};
  writer.Varint(1, static_cast<uint64_t>(RecordKind::kSpanStart));
  writer.Varint(2, static_cast<uint64_t>(span.level));
  writer.Bytes(3, span.target);
  for (uint32_t index = 0; index < span.attribute_count; ++index) {
    if (span.bare.Has(index)) writer.Varint(4, index);
  }
  writer.Bytes(6, span.body);
  return record;
}

}  // namespace

std::shared_ptr<const Origin> MakeOrigin(const journal::BatchHead& head) {
  auto origin = std::make_shared<Origin>();
  origin->identity = {head.pid,
                      head.uid,
                      head.gid,
                      head.start_time_ticks,
                      std::string(head.unit),
                      std::string(head.comm)};
  origin->resource = head.resource;
  return origin;
}

bool IsOriginOf(const Origin& origin, const journal::BatchHead& head) {
  const Identity& identity = origin.identity;
  return identity.pid == head.pid && identity.uid == head.uid && identity.gid == head.gid &&
         identity.start_time_ticks == head.start_time_ticks && identity.unit == head.unit &&
         identity.comm == head.comm && origin.resource == head.resource;
}

v1::Identity EncodeIdentity(const Identity& identity) {
  v1::Identity encoded;
  encoded.set_pid(identity.pid);
  encoded.set_uid(identity.uid);
  encoded.set_gid(identity.gid);
  encoded.set_start_time_ticks(identity.start_time_ticks);
  encoded.set_unit(identity.unit);
  encoded.set_comm(identity.comm);
  return encoded;
}

Identity DecodeIdentity(const v1::Identity& encoded) {
  return {encoded.pid(),  encoded.uid(), encoded.gid(), encoded.start_time_ticks(),
          encoded.unit(), encoded.comm()};
}

void SaveOpenSpans(const SpanTable& spans, v1::Checkpoint* checkpoint) {
  // Parents first, so that they are found when their children are opened again.
  std::vector<std::shared_ptr<Span>> ordered;
  spans.ForEach([&](const std::shared_ptr<Span>& span) { ordered.push_back(span); });
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a->depth < b->depth; });
  for (const auto& span : ordered) {
    v1::OpenSpanState* state = checkpoint->add_open_spans();
    *state->mutable_identity() = EncodeIdentity(span->origin->identity);
    state->mutable_resource()->ParseFromString(span->origin->resource);
    state->add_records()->ParseFromString(EncodeStart(*span));
    state->set_received_boottime_nano(span->received_boottime_nano);
  }
}

void RestoreOpenSpans(const v1::Checkpoint& checkpoint, SpanTable* spans) {
  std::shared_ptr<const Origin> origin;
  for (const v1::OpenSpanState& state : checkpoint.open_spans()) {
    const Origin own{DecodeIdentity(state.identity()), state.resource().SerializeAsString()};
    if (origin == nullptr || *origin != own) origin = std::make_shared<const Origin>(own);
    for (const v1::Record& record : state.records()) {
      const std::string encoded = record.SerializeAsString();
      const auto view = ReadRecord(encoded);
      if (view.has_value()) spans->Apply(*view, origin, state.received_boottime_nano());
    }
  }
}

void RestoreOpenSpans(std::string_view encoded_checkpoint, SpanTable* spans) {
  v1::Checkpoint checkpoint;
  if (checkpoint.ParseFromArray(encoded_checkpoint.data(),
                                static_cast<int>(encoded_checkpoint.size()))) {
    RestoreOpenSpans(checkpoint, spans);
  }
}

}  // namespace sluice::live
