#include "agent/journal/batch_view.h"

#include "agent/journal/field_numbers.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::journal {

bool ReadIdentity(std::string_view encoded, BatchHead* head) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(identity_field::kPid, WireType::kVarint):
        head->pid = static_cast<pid_t>(field.scalar);
        break;
      case WireTag(identity_field::kUid, WireType::kVarint):
        head->uid = static_cast<uid_t>(field.scalar);
        break;
      case WireTag(identity_field::kGid, WireType::kVarint):
        head->gid = static_cast<gid_t>(field.scalar);
        break;
      case WireTag(identity_field::kStartTimeTicks, WireType::kVarint):
        head->start_time_ticks = field.scalar;
        break;
      case WireTag(identity_field::kUnit, WireType::kBytes):
        head->unit = field.bytes;
        break;
      case WireTag(identity_field::kComm, WireType::kBytes):
        head->comm = field.bytes;
        break;
      case WireTag(identity_field::kPod, WireType::kBytes):
        head->pod = field.bytes;
        break;
    }
  }
  return reader.ok();
}

bool ReadOwner(std::string_view encoded, SpanOwner* owner) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(span_owner_field::kPid, WireType::kVarint):
        owner->pid = static_cast<pid_t>(field.scalar);
        break;
      case WireTag(span_owner_field::kStartTimeTicks, WireType::kVarint):
        owner->start_time_ticks = field.scalar;
        break;
      case WireTag(span_owner_field::kEndBoottimeNano, WireType::kFixed64):
        owner->end_boottime_nano = field.scalar;
        break;
    }
  }
  return reader.ok();
}

void WriteOwner(uint32_t field, const SpanOwner& owner, StringWireWriter* writer) {
  if (!owner.is_set()) return;
  const auto mark = writer->Begin(field);
  writer->Varint(span_owner_field::kPid, static_cast<uint64_t>(int64_t{owner.pid}));
  writer->Varint(span_owner_field::kStartTimeTicks, owner.start_time_ticks);
  writer->Fixed64(span_owner_field::kEndBoottimeNano, owner.end_boottime_nano);
  writer->End(mark);
}

namespace {

// More than the numbers, ids and tags of a head take.
constexpr size_t kFixedHeadBytes = 128;

bool ReadHeadField(const WireField& field, BatchHead* head) {
  switch (field.tag) {
    case WireTag(journal_batch_field::kIdentity, WireType::kBytes):
      return ReadIdentity(field.bytes, head);
    case WireTag(journal_batch_field::kOwner, WireType::kBytes):
      return ReadOwner(field.bytes, &head->owner);
    case WireTag(journal_batch_field::kReceivedUnixNano, WireType::kFixed64):
      head->received_unix_nano = field.scalar;
      break;
    case WireTag(journal_batch_field::kReceivedBoottimeNano, WireType::kFixed64):
      head->received_boottime_nano = field.scalar;
      break;
    case WireTag(journal_batch_field::kClientId, WireType::kBytes):
      head->client_id = field.bytes;
      break;
    case WireTag(journal_batch_field::kFirstSequence, WireType::kVarint):
      head->first_sequence = field.scalar;
      break;
    case WireTag(journal_batch_field::kSentRecords, WireType::kVarint):
      head->sent_records = static_cast<uint32_t>(field.scalar);
      break;
    case WireTag(journal_batch_field::kResource, WireType::kBytes):
      head->resource = field.bytes;
      break;
    case WireTag(journal_batch_field::kResourceSchemaUrl, WireType::kBytes):
      head->resource_schema_url = field.bytes;
      break;
    case WireTag(journal_batch_field::kResourceRest, WireType::kBytes):
      head->resource_rest = field.bytes;
      break;
    case WireTag(journal_batch_field::kSynthetic, WireType::kVarint):
      head->synthetic = field.scalar != 0;
      break;
    case WireTag(journal_batch_field::kSenderIsHostRoot, WireType::kVarint):
      head->sender_is_host_root = field.scalar != 0;
      break;
  }
  return true;
}

}  // namespace

void WriteIdentity(const BatchHead& head, StringWireWriter* writer) {
  const auto mark = writer->Begin(journal_batch_field::kIdentity);
  writer->Varint(identity_field::kPid, static_cast<uint64_t>(int64_t{head.pid}));
  writer->Varint(identity_field::kUid, head.uid);
  writer->Varint(identity_field::kGid, head.gid);
  writer->Varint(identity_field::kStartTimeTicks, head.start_time_ticks);
  if (!head.unit.empty()) writer->Bytes(identity_field::kUnit, head.unit);
  if (!head.comm.empty()) writer->Bytes(identity_field::kComm, head.comm);
  if (!head.pod.empty()) writer->Bytes(identity_field::kPod, head.pod);
  writer->End(mark);
}

std::optional<BatchView> ReadBatch(std::string_view encoded) {
  BatchView batch;
  batch.encoded = encoded;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (!ReadHeadField(field, &batch)) return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return batch;
}

void AppendBatchHead(const BatchHead& head, std::string* out) {
  // Once, instead of growing five times over for the smallest of batches.
  out->reserve(out->size() + kFixedHeadBytes + head.unit.size() + head.comm.size() +
               head.pod.size() + head.resource.size() + head.resource_schema_url.size() +
               head.resource_rest.size());
  StringWireWriter writer{StringSink(out)};
  WriteIdentity(head, &writer);
  writer.Fixed64(journal_batch_field::kReceivedUnixNano, head.received_unix_nano);
  writer.Fixed64(journal_batch_field::kReceivedBoottimeNano, head.received_boottime_nano);
  if (!head.client_id.empty()) writer.Bytes(journal_batch_field::kClientId, head.client_id);
  if (head.first_sequence != 0)
    writer.Varint(journal_batch_field::kFirstSequence, head.first_sequence);
  if (head.sent_records != 0) writer.Varint(journal_batch_field::kSentRecords, head.sent_records);
  if (!head.resource.empty()) writer.Bytes(journal_batch_field::kResource, head.resource);
  if (head.synthetic) writer.Varint(journal_batch_field::kSynthetic, 1);
  if (head.sender_is_host_root) writer.Varint(journal_batch_field::kSenderIsHostRoot, 1);
  if (!head.resource_schema_url.empty()) {
    writer.Bytes(journal_batch_field::kResourceSchemaUrl, head.resource_schema_url);
  }
  if (!head.resource_rest.empty()) {
    writer.Bytes(journal_batch_field::kResourceRest, head.resource_rest);
  }
  WriteOwner(journal_batch_field::kOwner, head.owner, &writer);
}

}  // namespace sluice::journal
