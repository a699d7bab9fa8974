// What a span costs in the exporter, stage by stage, between the journal and the transport:
//
//   whole scope   a scope that came by OTLP, copied as it is
//   by record     the same read record by record, as where a sample is taken or a filter asks for
//   spans own record    a span of our own protocol cut           a request cut out of what was
//   assembled
//
// Batches of 512 spans of about 260 and 830 bytes.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "agent/filter/filter.h"
#include "agent/sinks/otlp/assembler.h"
#include "agent/stream/record_stream.h"
#include "sluice/disk/v1/journal.pb.h"

namespace sluice::otlp {
namespace {

constexpr int kSpans = 512;

v1::Span MakeSpan(int64_t extra_bytes) {
  v1::Span span;
  span.set_trace_id(std::string(16, '\7'));
  span.set_span_id(std::string(8, '\3'));
  span.set_parent_span_id(std::string(8, '\5'));
  span.set_name("GET /index.html");
  span.set_start_time_unix_nano(1'700'000'000'000'000'000);
  span.set_end_time_unix_nano(1'700'000'000'004'000'000);
  for (const char* key : {"http.request.method", "url.path", "server.address", "user_agent.name"}) {
    auto* attribute = span.add_attributes();
    attribute->set_key(key);
    attribute->mutable_value()->set_string_value("a value of twenty");
  }
  span.mutable_attributes(0)->mutable_value()->mutable_string_value()->append(
      static_cast<size_t>(extra_bytes), 'x');
  return span;
}

disk::v1::JournalBatch Head() {
  disk::v1::JournalBatch batch;
  batch.mutable_identity()->set_uid(1000);
  batch.mutable_identity()->set_pid(7);
  return batch;
}

std::string ScopeBatch(int64_t extra_bytes) {
  disk::v1::JournalBatch batch = Head();
  auto* const scope = batch.add_scope_spans();
  scope->mutable_scope()->set_name("bench");
  for (int i = 0; i < kSpans; ++i) *scope->add_spans() = MakeSpan(extra_bytes);
  return batch.SerializeAsString();
}

std::string OwnBatch(int64_t extra_bytes) {
  disk::v1::JournalBatch batch = Head();
  for (int i = 0; i < kSpans; ++i) {
    sluice::v1::Record* const record = batch.add_records();
    record->set_kind(sluice::v1::RECORD_KIND_SPAN);
    record->set_level(sluice::v1::LEVEL_INFO);
    record->set_target("bench");
    *record->mutable_span() = MakeSpan(extra_bytes);
  }
  return batch.SerializeAsString();
}

class Export {
 public:
  explicit Export(const std::string& encoded, bool takes_scopes = true)
      : assembler_({.numbers = &numbers_, .host = {"host", "id", {}}, .counters = &counters_},
                   &outgoing_),
        stream_(
            filter::Filter::Parse("info", {}).filter,
            [this](const stream::Delivery& delivery) { assembler_.Add(delivery); }, nullptr,
            [this, takes_scopes](const stream::WholeScope& scope) {
              return takes_scopes && assembler_.AddScope(scope);
            }) {
    entry_.sequence = 1;
    entry_.uid = 1000;
    entry_.this_boot = true;
    entry_.batch = *journal::ReadBatch(encoded);
  }

  void Assemble() { stream_.Read(entry_); }
  void Clear() {
    outgoing_.Clear();
    assembler_.OnCleared();
  }
  const SignalBatch& traces() const { return outgoing_.of(Signal::kTraces); }

 private:
  Counters counters_;
  ExportNumbers numbers_{"otlp", &counters_, &Clock::System()};
  Outgoing outgoing_;
  Assembler assembler_;
  stream::RecordStream stream_;
  journal::Entry entry_;
};

void Assemble(benchmark::State& state, const std::string& encoded, bool takes_scopes) {
  Export exported(encoded, takes_scopes);
  for (auto _ : state) {
    exported.Assemble();
    if (exported.traces().size() != kSpans) state.SkipWithError("spans are missing");
    exported.Clear();
  }
  state.SetItemsProcessed(state.iterations() * kSpans);
}

void BM_WholeScope(benchmark::State& state) { Assemble(state, ScopeBatch(state.range(0)), true); }
void BM_ByRecord(benchmark::State& state) { Assemble(state, ScopeBatch(state.range(0)), false); }
void BM_OwnRecord(benchmark::State& state) { Assemble(state, OwnBatch(state.range(0)), true); }

void BM_Cut(benchmark::State& state) {
  const std::string encoded = ScopeBatch(state.range(0));
  Export exported(encoded);
  exported.Assemble();
  const SignalBatch& traces = exported.traces();
  Request request;
  for (auto _ : state) {
    const size_t end = traces.EndOfRequest(0, traces.size(), 3 << 20);
    traces.Cut(0, end, &request);
    benchmark::DoNotOptimize(request.pieces.data());
  }
  state.SetItemsProcessed(state.iterations() * kSpans);
}

BENCHMARK(BM_WholeScope)->Arg(0)->Arg(566);
BENCHMARK(BM_ByRecord)->Arg(0)->Arg(566);
BENCHMARK(BM_OwnRecord)->Arg(0)->Arg(566);
BENCHMARK(BM_Cut)->Arg(0)->Arg(566);

}  // namespace
}  // namespace sluice::otlp

BENCHMARK_MAIN();
