// Encodes records, straight into the room reserved for them: every size is counted first.
#pragma once

#include <cstdint>
#include <string_view>

#include "client/include/sluice/sluice.h"
#include "client/src/span_slot.h"
#include "proto/record/record_writer.h"
#include "proto/record/view.h"
#include "proto/wire/writer.h"

namespace sluice {

// WireWriter's sink that only counts.
class CountingSink {
 public:
  char* Grow(size_t size) {
    size_ += size;
    return nullptr;
  }
  size_t size() const { return size_; }
  static bool ok() { return true; }

 private:
  size_t size_ = 0;
};
using CountingWriter = BasicWireWriter<CountingSink>;

// What a program handed over: a few attributes in a row.
struct AttributeList {
  const sluice_attribute* items = nullptr;
  size_t count = 0;
};

// A record of a span: `kind` is START (all but the end time), UPDATE (only ids and the body), END
// or SPAN. `body` holds encoded fields of Span.
struct SpanRecord {
  RecordKind kind;
  const SpanSlot& slot;
  std::string_view trace_state;
  std::string_view body;
  const BareSet& bare;
  const sluice_attribute* attribute = nullptr;  // one more, which is too long for a body
};

struct EventRecord {
  Level level;
  std::string_view target;
  std::string_view message;  // null: no body
  uint64_t time;             // Unix ns
  const sluice_context& context;
  AttributeList attributes;
  const BareSet& bare;  // of them
};

struct RecordSizes {
  size_t body = 0;    // Span or LogRecord
  size_t record = 0;  // Record
  size_t field = 0;   // with tag and length, as `records` of a Batch
};

// Measures the record as field `records` of a Batch, and writes it so, into exactly `sizes.field`
// bytes. Where what the program handed over changed in between, the record is one that the agent
// drops.
RecordSizes Measure(const SpanRecord& record);
RecordSizes Measure(const EventRecord& record);
void Encode(const SpanRecord& record, const RecordSizes& sizes, char* to);
void Encode(const EventRecord& record, const RecordSizes& sizes, char* to);

// Which of them are bare.
BareSet BareAttributes(const AttributeList& attributes);

// One attribute as field `number` of a message.
void EncodeAttribute(uint32_t number, const sluice_attribute& attribute, BufferWireWriter* writer);
// Cuts text to `limit` bytes without splitting a code point.
std::string_view CutText(std::string_view text, size_t limit);

inline std::string_view View(const sluice_text& text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

}  // namespace sluice
