#include "client/src/send/server_message.h"

#include <algorithm>

#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"

namespace sluice {
namespace {

constexpr uint32_t Varint(uint32_t number) { return WireTag(number, WireType::kVarint); }
constexpr uint32_t Bytes(uint32_t number) { return WireTag(number, WireType::kBytes); }

// A level beyond those known reads as the most verbose.
Level ToLevel(uint64_t number) {
  return static_cast<Level>(std::min<uint64_t>(number, static_cast<uint64_t>(Level::kTrace)));
}

bool DecodeTargetLevel(std::string_view encoded, LevelTable::Entry* entry) {
  WireReader reader(encoded);
  bool is_off = false;
  for (WireField field; reader.Next(&field);) {
    if (field.tag == Bytes(target_level_field::kTargetPrefix)) entry->target_prefix = field.bytes;
    if (field.tag == Varint(target_level_field::kLevel)) entry->level = ToLevel(field.scalar);
    if (field.tag == Varint(target_level_field::kOff)) is_off = field.scalar != 0;
  }
  // Neither level nor off says nothing: then all is wanted.
  if (!is_off && entry->level == Level::kUnspecified) entry->level = Level::kTrace;
  if (is_off) entry->level = Level::kUnspecified;
  return reader.ok();
}

bool DecodeHint(std::string_view encoded, LevelTable* table) {
  WireReader reader(encoded);
  bool is_off = false;
  table->default_level = Level::kUnspecified;
  for (WireField field; reader.Next(&field);) {
    if (field.tag == Varint(hint_field::kDefaultLevel)) {
      table->default_level = ToLevel(field.scalar);
    }
    if (field.tag == Varint(hint_field::kDefaultOff)) is_off = field.scalar != 0;
    if (field.tag == Bytes(hint_field::kTargets)) {
      LevelTable::Entry entry = {.target_prefix = {}, .level = Level::kUnspecified};
      if (!DecodeTargetLevel(field.bytes, &entry)) return false;
      table->entries.push_back(std::move(entry));
    }
  }
  if (!is_off && table->default_level == Level::kUnspecified) table->default_level = Level::kTrace;
  if (is_off) table->default_level = Level::kUnspecified;
  return reader.ok();
}

bool DecodeWelcome(std::string_view encoded, Welcome* welcome) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == Varint(welcome_field::kLastSequence)) welcome->last_sequence = field.scalar;
    if (field.tag == Bytes(welcome_field::kHint) &&
        !DecodeHint(field.bytes, &welcome->wanted.emplace())) {
      return false;
    }
  }
  return reader.ok();
}

bool DecodeDrop(std::string_view encoded, uint64_t* dropped) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == Varint(drop_field::kCount)) *dropped += field.scalar;
  }
  return reader.ok();
}

bool DecodeAck(std::string_view encoded, Ack* ack) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == Varint(ack_field::kSequence)) ack->sequence = field.scalar;
    if (field.tag == Bytes(ack_field::kDrops) && !DecodeDrop(field.bytes, &ack->dropped)) {
      return false;
    }
  }
  return reader.ok();
}

bool DecodeMember(const WireField& field, ServerMessage* message) {
  switch (field.tag) {
    case Bytes(server_message_field::kWelcome):
      return DecodeWelcome(field.bytes, &message->welcome.emplace());
    case Bytes(server_message_field::kAck):
      return DecodeAck(field.bytes, &message->ack.emplace());
    case Bytes(server_message_field::kHint):
      return DecodeHint(field.bytes, &message->hint.emplace());
    default:
      return true;
  }
}

}  // namespace

std::optional<ServerMessage> DecodeServerMessage(std::string_view encoded) {
  ServerMessage message;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (!DecodeMember(field, &message)) return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return message;
}

}  // namespace sluice
