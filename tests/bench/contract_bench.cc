// What one span costs: 264 bytes with four attributes, read, judged and written in place, beside
// protobuf's generated code for the same bytes. The record around it adds its kind, level and
// target.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/record/attribute_writer.h"
#include "proto/record/check.h"
#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"
#include "sluice/otlp/v1/trace.pb.h"

namespace sluice {
namespace {

constexpr std::string_view kTraceId = "0123456789abcdef";
constexpr std::string_view kSpanId = "01234567";
constexpr size_t kSpanBytes = 264;

template <typename Sink>
void WriteSpan(BasicWireWriter<Sink>& writer) {
  writer.Bytes(span_field::kTraceId, kTraceId);
  writer.Bytes(span_field::kSpanId, kSpanId);
  writer.Bytes(span_field::kParentSpanId, kSpanId);
  writer.Bytes(span_field::kName, "GET /api/v1/accounts/{id}");
  writer.Varint(span_field::kKind, 2);
  writer.Fixed64(span_field::kStartTimeUnixNano, 1'763'056'330'123'456'789);
  writer.Fixed64(span_field::kEndTimeUnixNano, 1'763'056'330'133'456'789);
  WriteStringAttribute(writer, span_field::kAttributes, "http.request.method", "GET");
  WriteStringAttribute(writer, span_field::kAttributes, "url.path",
                       "/api/v1/accounts/1234567890/statements/2026-11-20/page");
  WriteIntAttribute(writer, span_field::kAttributes, "http.response.status_code", 200);
  WriteStringAttribute(writer, span_field::kAttributes, "server.address", "accounts.internal");
  writer.Fixed32(span_field::kFlags, 0x101);
}

std::string SpanBytes() {
  std::string span;
  StringWireWriter writer{StringSink(&span)};
  WriteSpan(writer);
  return span;
}

std::string RecordBytes() {
  std::string record;
  StringWireWriter writer{StringSink(&record)};
  writer.Varint(record_field::kKind, static_cast<uint64_t>(RecordKind::kSpan));
  writer.Varint(record_field::kLevel, static_cast<uint64_t>(Level::kInfo));
  writer.Bytes(record_field::kTarget, "bank::http");
  writer.Bytes(record_field::kSpan, SpanBytes());
  return record;
}

void SetBytes(benchmark::State& state, const std::string& encoded) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * encoded.size()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

// Every field, those of the attributes and their values too.
uint64_t WalkFields(std::string_view span) {
  uint64_t sum = 0;
  WireReader fields(span);
  for (WireField field; fields.Next(&field);) {
    sum += field.tag;
    if (field.tag != WireTag(span_field::kAttributes, WireType::kBytes)) continue;
    WireReader pair(field.bytes);
    for (WireField part; pair.Next(&part);) {
      sum += part.bytes.size();
      if (part.tag != WireTag(key_value_field::kValue, WireType::kBytes)) continue;
      WireReader values(part.bytes);
      for (WireField value; values.Next(&value);) sum += value.scalar + value.bytes.size();
    }
  }
  return sum;
}

void BM_WalkSpan(benchmark::State& state) {
  const std::string encoded = SpanBytes();
  if (encoded.size() != kSpanBytes) state.SkipWithError("the span is not of its stated size");
  for (auto _ : state) benchmark::DoNotOptimize(WalkFields(encoded));
  SetBytes(state, encoded);
}
BENCHMARK(BM_WalkSpan);

void BM_ReadSpanAndAttributes(benchmark::State& state) {
  const std::string encoded = SpanBytes();
  for (auto _ : state) {
    const std::optional<SpanView> span = ReadSpan(encoded);
    uint64_t sum = span->start_unix_nano;
    for (const std::string_view attribute : span->attributes()) {
      const AttributeView view = ReadAttribute(attribute);
      sum += view.key.size() + view.value.text.size();
    }
    benchmark::DoNotOptimize(sum);
  }
  SetBytes(state, encoded);
}
BENCHMARK(BM_ReadSpanAndAttributes);

void BM_CheckRecord(benchmark::State& state) {
  const std::string encoded = RecordBytes();
  for (auto _ : state) benchmark::DoNotOptimize(CheckRecord(encoded));
  SetBytes(state, encoded);
}
BENCHMARK(BM_CheckRecord);

void BM_ReadRecord(benchmark::State& state) {
  const std::string encoded = RecordBytes();
  for (auto _ : state) benchmark::DoNotOptimize(ReadRecord(encoded));
  SetBytes(state, encoded);
}
BENCHMARK(BM_ReadRecord);

void BM_EncodeSpanIntoBuffer(benchmark::State& state) {
  char buffer[1024];
  const std::string encoded = SpanBytes();
  for (auto _ : state) {
    BufferWireWriter writer(BufferSink(buffer, sizeof(buffer)));
    WriteSpan(writer);
    benchmark::DoNotOptimize(writer.size());
    benchmark::ClobberMemory();
  }
  SetBytes(state, encoded);
}
BENCHMARK(BM_EncodeSpanIntoBuffer);

void BM_EncodeSpanIntoString(benchmark::State& state) {
  std::string span;
  for (auto _ : state) {
    span.clear();
    StringWireWriter writer{StringSink(&span)};
    WriteSpan(writer);
    benchmark::DoNotOptimize(span.data());
    benchmark::ClobberMemory();
  }
  SetBytes(state, span);
}
BENCHMARK(BM_EncodeSpanIntoString);

void BM_ProtobufParse(benchmark::State& state) {
  const std::string encoded = SpanBytes();
  for (auto _ : state) {
    otlp::v1::Span span;
    benchmark::DoNotOptimize(span.ParseFromString(encoded));
  }
  SetBytes(state, encoded);
}
BENCHMARK(BM_ProtobufParse);

void BM_ProtobufParseReused(benchmark::State& state) {
  const std::string encoded = SpanBytes();
  otlp::v1::Span span;
  for (auto _ : state) benchmark::DoNotOptimize(span.ParseFromString(encoded));
  SetBytes(state, encoded);
}
BENCHMARK(BM_ProtobufParseReused);

void BM_ProtobufSerialize(benchmark::State& state) {
  otlp::v1::Span span;
  span.ParseFromString(SpanBytes());
  std::string encoded;
  for (auto _ : state) benchmark::DoNotOptimize(span.SerializeToString(&encoded));
  SetBytes(state, encoded);
}
BENCHMARK(BM_ProtobufSerialize);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
