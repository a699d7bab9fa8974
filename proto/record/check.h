// Judges a record that came from outside: one walk over its bytes, every field and every value.
// Reads what record_view.h reads and checks what that trusts. The same for OTLP's spans and log
// records, and for what stands around them.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/record/view.h"

namespace sluice {

// Why a record cannot be taken. The word for people and counters is RecordFaultName's.
enum class RecordFault : uint8_t {
  kNone,
  kMalformed,    // `malformed`: not protobuf, wrong wire type, nesting beyond limits::kValueDepth
  kTooLarge,     // `record_too_large`: over limits::kRecordBytes
  kNoBody,       // `no_body`: neither span nor event, or a body that contradicts the kind
  kBadTraceId,   // `bad_trace_id`: absent, all zero or not 16 bytes (an event may have none)
  kBadSpanId,    // `bad_span_id`: likewise 8 bytes
  kBadParentId,  // `bad_parent_id`: present and not 8 bytes
  kBadTime,      // `bad_time`: a START without start time, an END without end time
};
std::string_view RecordFaultName(RecordFault fault);

// What RepairRecord can mend without losing the record.
struct RecordFlaws {
  uint32_t reserved_attributes = 0;  // `sluice.*` keys: dropped
  // Beyond limits::kAttributes: dropped, and counted in the record.
  uint32_t surplus_attributes = 0;
  bool invalid_utf8 = false;  // somewhere in its text: U+FFFD instead
  bool long_target = false;   // beyond limits::kTargetBytes: cut at a code point
  bool bad_ids = false;       // of a bare event: ids that are none, or a span's without a trace's

  bool any() const {
    return reserved_attributes != 0 || surplus_attributes != 0 || invalid_utf8 || long_target ||
           bad_ids;
  }
};

struct RecordVerdict {
  RecordFault fault = RecordFault::kNone;
  RecordFlaws flaws;
  // Bit n: the body has an attribute whose key is of n bytes, modulo 64. It tells cheaply that a
  // record lacks an attribute.
  uint64_t key_sizes = 0;
  RecordView view;  // valid where fault == kNone; of the bytes as they came
};

RecordVerdict CheckRecord(std::string_view encoded);

// A bare OTLP Span or LogRecord, read as ReadBareSpan and ReadBareEvent read it. The limits are
// OTLP's, and attributes are not limited in number. An event's ids that are none are a flaw and
// read as absent.
RecordVerdict CheckBareSpan(std::string_view encoded, std::string_view scope_name);
RecordVerdict CheckBareEvent(std::string_view encoded, std::string_view scope_name);

// The bit of RecordVerdict::key_sizes that stands for `key`.
constexpr uint64_t KeySizeBit(std::string_view key) { return uint64_t{1} << (key.size() % 64); }

struct ResourceVerdict {
  bool sound = false;   // well formed and within limits::kResourceBytes and kAttributes
  bool flawed = false;  // has reserved attributes or invalid text
};
ResourceVerdict CheckResource(std::string_view encoded);

// A Resource or InstrumentationScope that came as OTLP, of any size: well formed, and whether it
// has reserved attributes or invalid text.
ResourceVerdict CheckOtlpResource(std::string_view encoded);
ResourceVerdict CheckOtlpScope(std::string_view encoded);

}  // namespace sluice
