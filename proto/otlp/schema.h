// OTLP's messages as a table: what each field is on the wire and in OTLP's JSON. It drives both
// directions between the two, so that a field stands here once. Numbers, types and names are those
// of opentelemetry-proto 1.x without its profiles, and of google.rpc.Status without its details.
//
// OTLP's JSON is protobuf's with exceptions: trace and span ids are hex, enums integers, names
// lowerCamelCase only, and a reader passes over fields that it does not know.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "proto/wire/format.h"

namespace sluice::otlp {

// How a value stands on the wire, and in JSON as
enum class FieldType : uint8_t {
  kString,    // a string
  kBytes,     // base64
  kId,        // bytes, as hex digits: of a reader's in either case, ours in lower case
  kMessage,   // an object
  kBool,      // true, false
  kEnum,      // varint, as an integer; EnumValue::name where a reader is lenient
  kInt32,     // varint, as an integer
  kUint32,    // varint, as an integer
  kSint32,    // zigzag varint, as an integer
  kInt64,     // varint, as a string; a reader takes integers, too: so for all of 64 bits
  kUint64,    // varint, as a string
  kFixed32,   // as an integer
  kFixed64,   // as a string
  kSfixed64,  // as a string
  kDouble,    // as a number, or "NaN", "Infinity", "-Infinity"
};

// Of one value; repeated ones that are not kBytes on the wire may also come packed into one kBytes
// field, and are written so.
WireType WireTypeOf(FieldType type);

struct EnumValue {
  std::string_view name;  // SPAN_KIND_SERVER
  int32_t number = 0;
};

struct Message;

struct Field {
  uint32_t number = 0;
  std::string_view json_name;
  FieldType type = FieldType::kString;
  bool is_repeated = false;
  // Of the fields of a message that say so at most one is set: the last one on the wire. No message
  // has two such groups.
  bool is_in_oneof = false;
  const Message* message = nullptr;             // kMessage
  std::span<const EnumValue> enum_values = {};  // kEnum
};

struct Message {
  std::string_view name;          // for people: "Span"
  std::span<const Field> fields;  // by ascending number

  // Null: there is none.
  const Field* Find(uint32_t number) const;
  const Field* Find(std::string_view json_name) const;
};

// What the Export calls take, by signal.
extern const Message kTraceRequest;
extern const Message kLogsRequest;
extern const Message kMetricsRequest;
// What they give, and its part on its own.
extern const Message kTraceResponse;
extern const Message kLogsResponse;
extern const Message kMetricsResponse;
// google.rpc.Status: the body of an error.
extern const Message kStatus;

}  // namespace sluice::otlp
