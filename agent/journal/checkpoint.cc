#include "agent/journal/checkpoint.h"

#include <algorithm>

#include "agent/base/user_of.h"
#include "agent/journal/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::journal {
namespace {

void WriteCursor(const std::string& sink, uint64_t sequence, StringWireWriter* writer) {
  const auto cursor = writer->Begin(checkpoint_field::kCursors);
  writer->Bytes(sink_cursor_field::kSink, sink);
  writer->Varint(sink_cursor_field::kSequence, sequence);
  writer->End(cursor);
}

void WriteUsage(uint64_t first_sequence, const SegmentUsage& usage, StringWireWriter* writer) {
  const auto segment = writer->Begin(checkpoint_field::kSegments);
  writer->Varint(segment_usage_field::kFirstSequence, first_sequence);
  writer->Varint(segment_usage_field::kBytes, usage.bytes);
  writer->Fixed64(segment_usage_field::kNewestUnixNano, usage.newest_unix_nano);
  for (const auto& [uid, bytes] : usage.bytes_by_uid) {
    const auto user = writer->Begin(segment_usage_field::kUsers);
    writer->Varint(user_usage_field::kUid, uid);
    writer->Varint(user_usage_field::kBytes, bytes);
    writer->End(user);
  }
  if (usage.partial) writer->Varint(segment_usage_field::kPartial, 1);
  if (usage.generation != 0) writer->Varint(segment_usage_field::kGeneration, usage.generation);
  if (usage.end_sequence != 0) {
    writer->Varint(segment_usage_field::kEndSequence, usage.end_sequence);
  }
  writer->End(segment);
}

void ReadCursor(std::string_view encoded, JournalCheckpoint* checkpoint) {
  std::string sink;
  uint64_t sequence = 0;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(sink_cursor_field::kSink, WireType::kBytes)) {
      sink = std::string(field.bytes);
    }
    if (field.tag == WireTag(sink_cursor_field::kSequence, WireType::kVarint)) {
      sequence = field.scalar;
    }
  }
  uint64_t& cursor = checkpoint->cursors[sink];
  cursor = std::max(cursor, sequence);
}

void ReadUser(std::string_view encoded, SegmentUsage* usage) {
  uid_t uid = 0;
  uint64_t bytes = 0;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(user_usage_field::kUid, WireType::kVarint)) {
      uid = static_cast<uid_t>(field.scalar);
    }
    if (field.tag == WireTag(user_usage_field::kBytes, WireType::kVarint)) bytes = field.scalar;
  }
  usage->bytes_by_uid[UserOf(uid)] += bytes;
}

void ReadUsage(std::string_view encoded, JournalCheckpoint* checkpoint) {
  uint64_t first_sequence = 0;
  SegmentUsage usage;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(segment_usage_field::kFirstSequence, WireType::kVarint):
        first_sequence = field.scalar;
        break;
      case WireTag(segment_usage_field::kBytes, WireType::kVarint):
        usage.bytes = field.scalar;
        break;
      case WireTag(segment_usage_field::kNewestUnixNano, WireType::kFixed64):
        usage.newest_unix_nano = field.scalar;
        break;
      case WireTag(segment_usage_field::kUsers, WireType::kBytes):
        ReadUser(field.bytes, &usage);
        break;
      case WireTag(segment_usage_field::kPartial, WireType::kVarint):
        usage.partial = field.scalar != 0;
        break;
      case WireTag(segment_usage_field::kGeneration, WireType::kVarint):
        usage.generation = static_cast<uint32_t>(field.scalar);
        break;
      case WireTag(segment_usage_field::kEndSequence, WireType::kVarint):
        usage.end_sequence = field.scalar;
        break;
    }
  }
  checkpoint->segments[first_sequence] = usage;
}

}  // namespace

std::string EncodeCheckpoint(const JournalCheckpoint& checkpoint) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  for (const auto& [sink, sequence] : checkpoint.cursors) WriteCursor(sink, sequence, &writer);
  for (const auto& [first, usage] : checkpoint.segments) WriteUsage(first, usage, &writer);
  return encoded;
}

JournalCheckpoint DecodeCheckpoint(std::string_view encoded) {
  JournalCheckpoint checkpoint;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(checkpoint_field::kCursors, WireType::kBytes)) {
      ReadCursor(field.bytes, &checkpoint);
    }
    if (field.tag == WireTag(checkpoint_field::kSegments, WireType::kBytes)) {
      ReadUsage(field.bytes, &checkpoint);
    }
  }
  return checkpoint;
}

}  // namespace sluice::journal
