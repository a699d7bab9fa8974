// A record read in place: views into the encoded bytes, nothing copied, nothing allocated. The
// bytes must outlive every view taken from them. Text is not checked here; see record_check.h.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/trace/ids.h"
#include "proto/wire/reader.h"

namespace sluice {

// Numbers as in sluice.v1.Level; a larger one is more verbose.
enum class Level : uint8_t { kUnspecified = 0, kError, kWarn, kInfo, kDebug, kTrace };

// Numbers as in sluice.v1.RecordKind.
enum class RecordKind : uint8_t {
  kUnspecified = 0,
  kSpanStart,
  kSpanUpdate,
  kSpanEnd,
  kSpan,
  kEvent
};

// Numbers as in sluice.otlp.v1.Status.StatusCode.
enum class StatusCode : uint8_t { kUnset = 0, kOk, kError };

// One AnyValue.
struct ValueView {
  enum class Type : uint8_t { kEmpty, kString, kBool, kInt, kDouble, kBytes, kArray, kMap };

  Type type = Type::kEmpty;
  // kString and kBytes: the content. kArray and kMap: the encoded ArrayValue or KeyValueList.
  std::string_view text;
  bool bool_value = false;
  int64_t int_value = 0;
  double double_value = 0;
};

struct AttributeView {
  std::string_view key;
  ValueView value;
};

// Decodes one encoded AnyValue, KeyValue. Malformed input reads as far as it is sound. The parts of
// an array are FieldRange(value.text, array_value_field::kValues), for ReadValue; those of a map
// FieldRange(value.text, key_value_list_field::kValues), for ReadAttribute.
ValueView ReadValue(std::string_view encoded);
AttributeView ReadAttribute(std::string_view encoded);

// The occurrences of one length-delimited field of a message, in order: `for (std::string_view
// encoded : FieldRange(body, span_field::kAttributes))`. Stops at the first malformed byte.
class FieldRange {
 public:
  class Iterator {
   public:
    Iterator(std::string_view message, uint32_t number)
        : reader_(message), tag_(WireTag(number, WireType::kBytes)) {
      ++*this;
    }
    std::string_view operator*() const { return field_.bytes; }
    Iterator& operator++() {
      while ((more_ = reader_.Next(&field_)) && field_.tag != tag_) {
      }
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !more_; }

   private:
    WireReader reader_;
    WireField field_;
    uint32_t tag_;
    bool more_ = false;
  };

  FieldRange(std::string_view message, uint32_t number) : message_(message), number_(number) {}
  Iterator begin() const { return {message_, number_}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::string_view message_;
  uint32_t number_;
};

// An encoded Span, or the concatenation of a span's partial bodies: of a scalar the last one
// counts.
struct SpanView {
  std::string_view body;
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;  // zero: a root
  std::string_view trace_state;
  std::string_view name;
  uint8_t kind = 0;
  uint64_t start_unix_nano = 0;
  uint64_t end_unix_nano = 0;
  StatusCode status = StatusCode::kUnset;
  std::string_view status_message;
  uint32_t flags = 0;
  bool has_events = false;

  FieldRange attributes() const { return {body, span_field::kAttributes}; }  // ReadAttribute
  FieldRange events() const { return {body, span_field::kEvents}; }          // encoded Span.Event
  FieldRange links() const { return {body, span_field::kLinks}; }            // encoded Span.Link
};

// An encoded LogRecord.
struct EventView {
  std::string_view body;
  TraceId trace_id;             // zero: no trace
  SpanId span_id;               // zero: outside any span
  uint64_t time_unix_nano = 0;  // the observed time where the time itself is absent
  uint64_t observed_unix_nano = 0;
  uint8_t severity_number = 0;
  std::string_view severity_text;
  ValueView message;
  std::string_view event_name;
  uint32_t flags = 0;

  FieldRange attributes() const { return {body, log_record_field::kAttributes}; }
};

// Which attributes print bare, by index within one record's body.
class BareMarks {
 public:
  void Set(uint64_t index) {
    if (index < limits::kAttributes) words_[index / 64] |= uint64_t{1} << (index % 64);
  }
  bool Has(uint32_t index) const {
    return index < limits::kAttributes && (words_[index / 64] >> (index % 64) & 1) != 0;
  }

 private:
  std::array<uint64_t, limits::kAttributes / 64> words_{};
};

// A record, mostly an encoded Record. `kind` is never kUnspecified after ReadRecord, and `level`
// neither.
struct RecordView {
  std::string_view encoded;
  RecordKind kind = RecordKind::kUnspecified;
  Level level = Level::kUnspecified;
  std::string_view target;
  uint64_t busy_ns = 0;
  BareMarks bare;
  SpanView span;    // where kind != kEvent
  EventView event;  // where kind == kEvent

  TraceId trace_id() const { return kind == RecordKind::kEvent ? event.trace_id : span.trace_id; }
  // The span this record is about, or the one that encloses the event.
  SpanId span_id() const { return kind == RecordKind::kEvent ? event.span_id : span.span_id; }
};

// Decode one encoded message. nullopt: not a well-formed message, or its body does not fit its
// kind.
std::optional<RecordView> ReadRecord(std::string_view encoded);
std::optional<SpanView> ReadSpan(std::string_view encoded);
std::optional<EventView> ReadEvent(std::string_view encoded);

// A bare OTLP Span or LogRecord as a record of kind kSpan or kEvent, without `encoded`. Its target
// is the name of its scope, or so much of that as a target may have. An event's level follows from
// its severity; a span's is that of the first text attribute `level` that names one, else INFO.
std::optional<RecordView> ReadBareSpan(std::string_view encoded, std::string_view scope_name);
std::optional<RecordView> ReadBareEvent(std::string_view encoded, std::string_view scope_name);
std::string_view TargetOfScope(std::string_view scope_name);
// INFO where its severity tells nothing.
Level LevelOfEvent(const EventView& event);

// ERROR 17 and above, WARN 13-16, INFO 9-12, DEBUG 5-8, TRACE 1-4; kUnspecified for the rest.
Level LevelFromSeverity(uint32_t severity_number);
// The lowest severity number of a level; 0 for kUnspecified.
uint32_t SeverityFromLevel(Level level);
// `ERROR` ... `TRACE`; empty for kUnspecified.
std::string_view LevelName(Level level);
// `error` ... `trace` in any ASCII case; nullopt otherwise.
std::optional<Level> ParseLevel(std::string_view text);

}  // namespace sluice
