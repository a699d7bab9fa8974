// Log lines a CPU-second (`lines_per_cpu_s`), the kernel's part included, to a file in /tmp, beside
// spdlog's basic file sink in the same run where that is installed. spdlog formats text that is
// ready; ours reads an encoded record, prints its fields and two enclosing spans and escapes
// everything.
#include <benchmark/benchmark.h>
#include <unistd.h>

#if __has_include(<spdlog/spdlog.h>)
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#define SLUICE_HAS_SPDLOG 1
#else
#define SLUICE_HAS_SPDLOG 0
#endif

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/lines/builder.h"
#include "agent/lines/format.h"
#include "agent/live/span_table.h"
#include "agent/sinks/log_file.h"
#include "sluice/v1/record.pb.h"
#include "tests/support/records.h"

namespace sluice::log_sink {
namespace {

// A directory that goes with the run.
class Directory {
 public:
  Directory() : path_(::mkdtemp(name_)) {}
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string File() const { return path_ / "bench.log"; }

 private:
  char name_[32] = "/tmp/sluice-bench-XXXXXX";
  std::filesystem::path path_;
};

std::string EncodedEvent() {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_EVENT);
  record.set_level(v1::LEVEL_INFO);
  record.set_target("libazureinit::http::success");
  auto* event = record.mutable_event();
  event->set_time_unix_nano(1'795'166'873'502'904'123);
  event->mutable_body()->set_string_value("HTTP response received");
  auto* target = event->add_attributes();
  target->set_key("url");
  target->mutable_value()->set_string_value("http://169.254.169.254/metadata/instance");
  auto* status = event->add_attributes();
  status->set_key("status_code");
  status->mutable_value()->set_int_value(200);
  return record.SerializeAsString();
}

const std::vector<SpanContextItem>& Context() {
  static const std::vector<SpanContextItem> context = {{"provision", ""},
                                                       {"get_metadata", "retries=3"}};
  return context;
}

constexpr int kLinesPerTurn = 512;

// Google Benchmark's rates are of CPU time.
void CountLines(benchmark::State& state) {
  state.counters["lines_per_cpu_s"] = benchmark::Counter(
      static_cast<double>(state.iterations() * kLinesPerTurn), benchmark::Counter::kIsRate);
}

// Format and write in batches, as the sink does.
void BM_OurLines(benchmark::State& state, lines::LineStyle style) {
  const Directory directory;
  sinks::LogFileOptions file_options;
  file_options.path = directory.File();
  file_options.max_size = 256 << 20;
  file_options.rotate_keep = 0;
  auto file = *sinks::LogFile::Open(file_options);
  lines::LineOptions options;
  options.style = style;
  const lines::LineFormat format(options);
  const std::string encoded = EncodedEvent();
  const Identity sender;
  std::string lines;
  int64_t bytes = 0;
  for (auto _ : state) {
    lines.clear();
    for (int i = 0; i < kLinesPerTurn; ++i) {
      const RecordView record = *ReadRecord(encoded);
      format.AppendEvent({&record, Context(), &sender, "bench"}, &lines);
    }
    if (!file->Write(lines).status.ok()) state.SkipWithError("cannot write");
    bytes += static_cast<int64_t>(lines.size());
  }
  CountLines(state);
  state.SetBytesProcessed(bytes);
}
BENCHMARK_CAPTURE(BM_OurLines, text, lines::LineStyle::kText);
BENCHMARK_CAPTURE(BM_OurLines, json, lines::LineStyle::kJson);
BENCHMARK_CAPTURE(BM_OurLines, logfmt, lines::LineStyle::kLogfmt);

std::shared_ptr<live::Span> MakeSpan(uint8_t id, const std::string& name,
                                     std::shared_ptr<live::Span> parent) {
  v1::Record record = testing::StartRecord(1, id, 0, name);
  testing::AddTextAttribute(&record, "retries", "3");
  const std::string encoded = record.SerializeAsString();
  const RecordView view = *ReadRecord(encoded);
  auto span = live::SpanTable().Whole(view, std::make_shared<const live::Origin>());
  filter::Matcher(filter::Filter::Parse("trace", {}).filter)
      .OpenSpan(filter::Subject::Of(view), nullptr, &span->scope);
  span->parent = std::move(parent);
  return span;
}

// The same out of a sink's deliveries, without the file.
void BM_Deliveries(benchmark::State& state, lines::LineStyle style) {
  lines::LineOptions options;
  options.style = style;
  lines::LineBuilder builder(options);
  const auto span = MakeSpan(2, "get_metadata", MakeSpan(1, "provision", nullptr));
  const std::string encoded = EncodedEvent();
  const live::Origin origin;
  std::string lines;
  for (auto _ : state) {
    lines.clear();
    for (int i = 0; i < kLinesPerTurn; ++i) {
      const RecordView record = *ReadRecord(encoded);
      stream::Delivery delivery;
      delivery.record = &record;
      delivery.span = span.get();
      delivery.origin = &origin;
      builder.Append(delivery, &lines);
    }
    benchmark::DoNotOptimize(lines.data());
  }
  CountLines(state);
}
BENCHMARK_CAPTURE(BM_Deliveries, text, lines::LineStyle::kText);
BENCHMARK_CAPTURE(BM_Deliveries, json, lines::LineStyle::kJson);
BENCHMARK_CAPTURE(BM_Deliveries, logfmt, lines::LineStyle::kLogfmt);

#if SLUICE_HAS_SPDLOG
// The same line, its fields formatted by spdlog's fmt.
void BM_Spdlog(benchmark::State& state) {
  const Directory directory;
  auto sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(directory.File());
  spdlog::logger logger("libazureinit::http::success", sink);
  logger.set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %=5l %v");
  const std::string url = "http://169.254.169.254/metadata/instance";
  for (auto _ : state) {
    for (int i = 0; i < kLinesPerTurn; ++i) {
      logger.info("{}:{}{{retries={}}}: {}: {} url=\"{}\" status_code={}", "provision",
                  "get_metadata", 3, logger.name(), "HTTP response received", url, 200);
    }
  }
  logger.flush();
  CountLines(state);
}
BENCHMARK(BM_Spdlog);
#else
void BM_Spdlog(benchmark::State& state) {
  state.SkipWithError("skipped: libspdlog-dev is not installed");
}
BENCHMARK(BM_Spdlog);
#endif

}  // namespace
}  // namespace sluice::log_sink

BENCHMARK_MAIN();
