// What is taken of an export request every reader of the journal can read, however the request is
// cut into slices, and each of its items is either taken or counted as rejected. Input: the signal
// and the fields of a slice in one byte each, then the request.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/ingest/otlp/envelope_check.h"
#include "agent/ingest/otlp/request_walk.h"
#include "agent/journal/batch_view.h"
#include "agent/live/origin_codec.h"
#include "proto/record/check.h"

namespace sluice::ingest::otlp {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

bool IsSound(std::string_view request, size_t fields) {
  EnvelopeCheck check(request);
  while (true) {
    Slice slice{.fields = fields};
    const auto done = check.Work(&slice);
    if (!done.ok()) return false;
    if (*done) return true;
  }
}

struct Outcome {
  std::string entries;
  uint64_t taken = 0;
  uint64_t rejected = 0;

  bool operator==(const Outcome&) const = default;
};

std::string EncodeEntry(const Admission::ScopesEntry& entry) {
  journal::BatchHead head = live::HeadOf(*entry.origin);
  head.resource_schema_url = entry.resource_schema_url;
  head.resource_rest = entry.resource_rest;
  std::string encoded;
  journal::AppendBatchHead(head, &encoded);
  for (const std::string_view piece : entry.scopes) encoded += piece;
  return encoded;
}

void CheckEntry(std::string_view encoded, Signal signal, uint64_t items) {
  const auto batch = journal::ReadBatch(encoded);
  Require(batch.has_value());
  Require(CheckOtlpResource(batch->resource).sound && !CheckOtlpResource(batch->resource).flawed);
  if (signal == Signal::kMetrics) return;
  uint64_t read = 0;
  for (journal::RecordCursor records = batch->records(); records.Next(); ++read) {
    Require(records.Read().has_value());
    const RecordVerdict verdict = signal == Signal::kTraces
                                      ? CheckBareSpan(records.encoded(), records.scope().name)
                                      : CheckBareEvent(records.encoded(), records.scope().name);
    Require(verdict.fault == RecordFault::kNone);
    Require(!verdict.flaws.invalid_utf8 && verdict.flaws.reserved_attributes == 0);
  }
  Require(read == items);
}

Outcome Walk(Signal signal, std::string_view request, size_t fields) {
  RequestWalk walk({.signal = signal}, request);
  Outcome outcome;
  while (true) {
    Slice slice{.fields = fields};
    const RequestWalk::Next next = walk.Work(&slice);
    if (next == RequestWalk::Next::kPause) continue;
    if (next == RequestWalk::Next::kEnd) break;
    const Admission::ScopesEntry entry = walk.entry();
    const std::string encoded = EncodeEntry(entry);
    CheckEntry(encoded, signal, entry.items);
    outcome.entries += encoded;
    outcome.taken += entry.items;
    walk.EntryTaken();
  }
  outcome.rejected = walk.rejections().total();
  Require((outcome.rejected > 0) == !walk.rejections().Message().empty());
  return outcome;
}

}  // namespace
}  // namespace sluice::ingest::otlp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using sluice::ingest::otlp::Signal;
  if (size < 2) return 0;
  const auto signal = static_cast<Signal>(bytes[0] % 3);
  const size_t fields = 1 + bytes[1] % 16;
  const std::string_view request(reinterpret_cast<const char*>(bytes + 2), size - 2);
  const bool is_sound = sluice::ingest::otlp::IsSound(request, SIZE_MAX);
  sluice::ingest::otlp::Require(is_sound == sluice::ingest::otlp::IsSound(request, fields));
  if (!is_sound) return 0;
  const auto whole = sluice::ingest::otlp::Walk(signal, request, SIZE_MAX);
  sluice::ingest::otlp::Require(whole == sluice::ingest::otlp::Walk(signal, request, fields));
  return 0;
}
