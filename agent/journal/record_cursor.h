// The records of one journalled batch, one after the other, whichever of two shapes it has: Records
// of our own protocol, or OTLP's spans and log records in the scopes in which they came. Readers
// see the same views either way. Metrics are not records and are stepped over, unless asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/journal/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"

namespace sluice::journal {

// The ScopeSpans, ScopeLogs or ScopeMetrics that a record stands in. All empty for one of our own.
struct ScopeView {
  std::string_view content;  // all of it, encoded
  std::string_view encoded;  // its InstrumentationScope
  std::string_view name;     // of that
  std::string_view schema_url;
  uint32_t items = 0;
  bool has_rest = false;  // fields besides
};

// The name in an encoded InstrumentationScope, of which the last one counts; empty: it has none.
std::string_view ScopeName(std::string_view scope);

// Views live as long as the batch's bytes. Malformed parts read as far as they are sound.
class RecordCursor {
 public:
  explicit RecordCursor(std::string_view batch) : batch_(batch), scope_items_(batch.substr(0, 0)) {}

  // Metrics are given, too, and read as no records.
  void ShowMetrics() { shows_metrics_ = true; }

  // Moves on to the next record, at first to the first; false: there is none.
  [[gnu::always_inline]] bool Next() {
    for (;;) {
      if (shape_ != Shape::kOwn && NextInScope()) return true;
      shape_ = Shape::kOwn;
      WireField field;
      if (!batch_.Next(&field)) return false;
      if (field.tag == WireTag(journal_batch_field::kRecords, WireType::kBytes)) [[likely]] {
        encoded_ = field.bytes;
        return true;
      }
      EnterScope(field);
    }
  }

  // Of the record that Next moved to: its bytes as they are in the batch, a Record, a Span or a
  // LogRecord.
  std::string_view encoded() const { return encoded_; }
  // Whether it is a Record of our own protocol. OTLP's are whole spans and events.
  bool is_own() const { return shape_ == Shape::kOwn; }
  const ScopeView& scope() const { return scope_; }
  bool is_first_in_scope() const { return given_in_scope_ == 1; }
  bool is_span() const { return shape_ == Shape::kSpans; }
  bool is_metric() const { return shape_ == Shape::kMetrics; }
  // The next record is that behind the scope.
  void SkipScope() { scope_items_ = WireReader(scope_.content.substr(scope_.content.size())); }

  // nullopt: it is malformed.
  std::optional<RecordView> Read() const {
    if (shape_ == Shape::kOwn) [[likely]]
      return ReadRecord(encoded_);
    return ReadFromScope();
  }
  // As an encoded Record, for those who speak our own protocol; empty where Read gives nothing.
  std::string ReadAsRecord() const;

 private:
  enum class Shape : uint8_t { kOwn, kSpans, kEvents, kMetrics };

  void EnterScope(const WireField& field);
  bool NextInScope();
  std::optional<RecordView> ReadFromScope() const;

  WireReader batch_;
  std::string_view encoded_;
  Shape shape_ = Shape::kOwn;
  bool shows_metrics_ = false;
  uint32_t given_in_scope_ = 0;
  WireReader scope_items_;
  ScopeView scope_;
};

}  // namespace sluice::journal
