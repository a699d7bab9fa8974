// A journalled batch read in place: views into the entry's bytes, nothing copied, nothing
// allocated.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/identity/span_owner.h"
#include "agent/journal/field_numbers.h"
#include "agent/journal/record_cursor.h"
#include "proto/record/view.h"
#include "proto/wire/writer.h"

namespace sluice::journal {

// Everything of a sluice.disk.v1.JournalBatch but its records. Views live as long as the bytes they
// were read from, or as what the writer put in.
struct BatchHead {
  // Who sent it, as in agent/identity/identity.h.
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t start_time_ticks = 0;
  std::string_view unit;
  std::string_view comm;
  std::string_view pod;

  uint64_t received_unix_nano = 0;
  uint64_t received_boottime_nano = 0;
  // 16 bytes, or empty.
  std::string_view client_id;
  uint64_t first_sequence = 0;
  uint32_t sent_records = 0;
  // An encoded Resource; may be empty.
  std::string_view resource;
  // Of the OTLP message that it came in, and what else that held, encoded.
  std::string_view resource_schema_url;
  std::string_view resource_rest;
  // Made by the agent on behalf of the sender.
  bool synthetic = false;
  // The sender was root of this host, outside containers (agent/identity/host_root.h).
  bool sender_is_host_root = false;
  // Until when the spans live that it opens; not set: until the sender's end.
  SpanOwner owner;
};

struct BatchView : BatchHead {
  std::string_view encoded;

  // `for (RecordCursor records = batch.records(); records.Next();)`
  RecordCursor records() const { return RecordCursor(encoded); }
  // Encoded DroppedSpans in order.
  FieldRange dropped_spans() const { return {encoded, journal_batch_field::kDroppedSpans}; }
};

// Who sent it, from an encoded sluice.v1.Identity; false: malformed.
bool ReadIdentity(std::string_view encoded, BatchHead* head);
// The same as field 1, which it is of all that the journal keeps.
void WriteIdentity(const BatchHead& head, StringWireWriter* writer);

// From an encoded sluice.disk.v1.SpanOwner; false: malformed.
bool ReadOwner(std::string_view encoded, SpanOwner* owner);
// The same as that field; nothing where it is not set.
void WriteOwner(uint32_t field, const SpanOwner& owner, StringWireWriter* writer);

// nullopt: not a well-formed message. Records are not looked into.
std::optional<BatchView> ReadBatch(std::string_view encoded);

// Appends the encoded head to `out`. Followed by records, each as a field of number 2 (a run of
// Batch.records as it came), it is a whole JournalBatch.
void AppendBatchHead(const BatchHead& head, std::string* out);

}  // namespace sluice::journal
