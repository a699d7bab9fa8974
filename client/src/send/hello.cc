#include "client/src/send/hello.h"

#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice {
namespace {

// As many ENDs that are not acknowledged are stated; the agent takes a message of 4 MiB, and knows
// far fewer open spans of one user. The oldest go first: it may have begun without them.
constexpr int kMostEnds = 100'000;

void WriteOpenSpan(const TraceId& trace_id, const SpanId& span_id, StringWireWriter* writer) {
  writer->BytesHeader(hello_field::kOpenSpans, TraceId().raw().size() + SpanId().raw().size());
  writer->Raw(trace_id.raw());
  writer->Raw(span_id.raw());
}

void WriteOpenSpans(Recorder* recorder, const Outbox& outbox, StringWireWriter* writer) {
  recorder->ForEachStarted([&](const TraceId& trace_id, const SpanId& span_id) {
    WriteOpenSpan(trace_id, span_id, writer);
  });
  int ends = 0;
  outbox.ForEachUnacknowledged([&](std::string_view field) {
    WireReader reader(field);
    WireField record;
    if (ends == kMostEnds || !reader.Next(&record)) return;
    const auto view = ReadRecord(record.bytes);
    if (!view || view->kind != RecordKind::kSpanEnd) return;
    ++ends;
    WriteOpenSpan(view->trace_id(), view->span_id(), writer);
  });
}

}  // namespace

std::string EncodeHello(const Settings& settings, const ClientId& client_id, Recorder* recorder,
                        const Outbox& outbox) {
  std::string message;
  StringWireWriter writer{StringSink(&message)};
  const auto hello = writer.Begin(client_message_field::kHello);
  writer.Varint(hello_field::kProtocolVersion, limits::kProtocolVersion);
  writer.Bytes(hello_field::kClientId, client_id.raw());
  writer.Bytes(hello_field::kResource, settings.resource);
  writer.Bytes(hello_field::kBootId, settings.boot_id);
  const auto clock = writer.Begin(hello_field::kClock);
  writer.Fixed64(clock_pair_field::kRealtimeUnixNano, recorder->clock().realtime());
  writer.Fixed64(clock_pair_field::kBoottimeNano, recorder->clock().boottime());
  writer.End(clock);
  WriteOpenSpans(recorder, outbox, &writer);
  writer.End(hello);
  return message;
}

}  // namespace sluice
