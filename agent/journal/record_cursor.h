// The records of one journalled batch, one after the other, whichever of two shapes it has: Records
// of our own protocol, or OTLP's spans and log records in the scopes in which they came. Readers
// see the same views either way. Metrics are not records and are stepped over.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/journal/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"

namespace sluice::journal {

// The ScopeSpans or ScopeLogs that a record stands in. All empty for one of our own.
struct ScopeView {
  std::string_view encoded;  // its InstrumentationScope
  std::string_view name;     // of that
  std::string_view schema_url;
};

// Views live as long as the batch's bytes. Malformed parts read as far as they are sound.
class RecordCursor {
 public:
  explicit RecordCursor(std::string_view batch) : batch_(batch), scope_items_(batch.substr(0, 0)) {}

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

  // nullopt: it is malformed.
  std::optional<RecordView> Read() const {
    if (shape_ == Shape::kOwn) [[likely]]
      return ReadRecord(encoded_);
    return ReadFromScope();
  }
  // As an encoded Record, for those who speak our own protocol; empty where Read gives nothing.
  std::string ReadAsRecord() const;

 private:
  enum class Shape { kOwn, kSpans, kEvents };

  void EnterScope(const WireField& field);
  bool NextInScope();
  std::optional<RecordView> ReadFromScope() const;

  WireReader batch_;
  std::string_view encoded_;
  Shape shape_ = Shape::kOwn;
  WireReader scope_items_;
  ScopeView scope_;
};

}  // namespace sluice::journal
