// Encoded records for tests, by way of protobuf's own serializer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/trace/ids.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::testing {

// An id whose last byte is `n`.
template <typename IdType>
IdType MakeId(uint8_t n) {
  IdType id;
  id.bytes.back() = n;
  return id;
}

inline v1::Record SpanRecord(v1::RecordKind kind, uint8_t trace, uint8_t span, uint8_t parent = 0,
                             const std::string& name = "work") {
  v1::Record record;
  record.set_kind(kind);
  record.set_level(v1::LEVEL_INFO);
  record.set_target("app");
  auto* body = record.mutable_span();
  body->set_trace_id(std::string(MakeId<TraceId>(trace).raw()));
  body->set_span_id(std::string(MakeId<SpanId>(span).raw()));
  if (parent != 0) body->set_parent_span_id(std::string(MakeId<SpanId>(parent).raw()));
  const bool starts = kind == v1::RECORD_KIND_SPAN_START || kind == v1::RECORD_KIND_SPAN;
  const bool ends = kind == v1::RECORD_KIND_SPAN_END || kind == v1::RECORD_KIND_SPAN;
  if (starts) {
    body->set_name(name);
    body->set_start_time_unix_nano(1'000'000'000);
  }
  if (ends) body->set_end_time_unix_nano(2'000'000'000);
  return record;
}

inline v1::Record StartRecord(uint8_t trace, uint8_t span, uint8_t parent = 0,
                              const std::string& name = "work") {
  return SpanRecord(v1::RECORD_KIND_SPAN_START, trace, span, parent, name);
}
inline v1::Record EndRecord(uint8_t trace, uint8_t span) {
  return SpanRecord(v1::RECORD_KIND_SPAN_END, trace, span);
}
inline v1::Record UpdateRecord(uint8_t trace, uint8_t span) {
  return SpanRecord(v1::RECORD_KIND_SPAN_UPDATE, trace, span);
}
inline v1::Record WholeRecord(uint8_t trace, uint8_t span, uint8_t parent = 0) {
  return SpanRecord(v1::RECORD_KIND_SPAN, trace, span, parent);
}

// An event inside a span, or with zeros outside any.
inline v1::Record EventRecord(const std::string& message, uint8_t trace = 0, uint8_t span = 0) {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_EVENT);
  record.set_level(v1::LEVEL_INFO);
  record.set_target("app");
  auto* body = record.mutable_event();
  body->set_time_unix_nano(1'500'000'000);
  body->mutable_body()->set_string_value(message);
  if (trace != 0) body->set_trace_id(std::string(MakeId<TraceId>(trace).raw()));
  if (span != 0) body->set_span_id(std::string(MakeId<SpanId>(span).raw()));
  return record;
}

inline void AddTextAttribute(v1::Record* record, const std::string& key, const std::string& value) {
  auto* attribute = record->has_event() ? record->mutable_event()->add_attributes()
                                        : record->mutable_span()->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

inline std::string EncodeBatch(uint64_t first_sequence, const std::vector<v1::Record>& records) {
  v1::Batch batch;
  batch.set_first_sequence(first_sequence);
  for (const v1::Record& record : records) *batch.add_records() = record;
  return batch.SerializeAsString();
}

}  // namespace sluice::testing
