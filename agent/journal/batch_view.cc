#include "agent/journal/batch_view.h"

#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::journal {

bool ReadIdentity(std::string_view encoded, BatchHead* head) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(1, WireType::kVarint):
        head->pid = static_cast<pid_t>(field.scalar);
        break;
      case WireTag(2, WireType::kVarint):
        head->uid = static_cast<uid_t>(field.scalar);
        break;
      case WireTag(3, WireType::kVarint):
        head->gid = static_cast<gid_t>(field.scalar);
        break;
      case WireTag(4, WireType::kVarint):
        head->start_time_ticks = field.scalar;
        break;
      case WireTag(5, WireType::kBytes):
        head->unit = field.bytes;
        break;
      case WireTag(6, WireType::kBytes):
        head->comm = field.bytes;
        break;
    }
  }
  return reader.ok();
}

namespace {

bool ReadHeadField(const WireField& field, BatchHead* head) {
  switch (field.tag) {
    case WireTag(1, WireType::kBytes):
      return ReadIdentity(field.bytes, head);
    case WireTag(3, WireType::kFixed64):
      head->received_unix_nano = field.scalar;
      break;
    case WireTag(4, WireType::kFixed64):
      head->received_boottime_nano = field.scalar;
      break;
    case WireTag(5, WireType::kBytes):
      head->client_id = field.bytes;
      break;
    case WireTag(6, WireType::kVarint):
      head->first_sequence = field.scalar;
      break;
    case WireTag(7, WireType::kVarint):
      head->sent_records = static_cast<uint32_t>(field.scalar);
      break;
    case WireTag(8, WireType::kBytes):
      head->resource = field.bytes;
      break;
    case WireTag(9, WireType::kVarint):
      head->synthetic = field.scalar != 0;
      break;
    case WireTag(10, WireType::kVarint):
      head->may_report = field.scalar != 0;
      break;
  }
  return true;
}

}  // namespace

void WriteIdentity(const BatchHead& head, StringWireWriter* writer) {
  const auto mark = writer->Begin(1);
  writer->Varint(1, static_cast<uint64_t>(int64_t{head.pid}));
  writer->Varint(2, head.uid);
  writer->Varint(3, head.gid);
  writer->Varint(4, head.start_time_ticks);
  if (!head.unit.empty()) writer->Bytes(5, head.unit);
  if (!head.comm.empty()) writer->Bytes(6, head.comm);
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
  StringWireWriter writer{StringSink(out)};
  WriteIdentity(head, &writer);
  writer.Fixed64(3, head.received_unix_nano);
  writer.Fixed64(4, head.received_boottime_nano);
  if (!head.client_id.empty()) writer.Bytes(5, head.client_id);
  if (head.first_sequence != 0) writer.Varint(6, head.first_sequence);
  if (head.sent_records != 0) writer.Varint(7, head.sent_records);
  if (!head.resource.empty()) writer.Bytes(8, head.resource);
  if (head.synthetic) writer.Varint(9, 1);
  if (head.may_report) writer.Varint(10, 1);
}

}  // namespace sluice::journal
