// Any journal entry: what is made of it for an OTLP destination is a sound request, also where it
// is cut at each record, and as JSON it is JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/strings/str_join.h"
#include "agent/sinks/otlp/otlp_sink.h"
#include "agent/stream/record_stream.h"
#include "proto/otlp/json_writer.h"
#include "proto/record/otlp_field_numbers.h"
#include "proto/wire/reader.h"

namespace {

using namespace sluice;

constexpr uint32_t kResourceTag = WireTag(export_request_field::kResourceSpans, WireType::kBytes);

// Refuses requests of an even size until they cannot be halved any more, and reads all of them.
class Reader final : public otlp::Transport {
 public:
  otlp::Answer Send(otlp::Signal signal, absl::Span<const absl::string_view> pieces) override {
    otlp::Answer answer;
    const std::string request = absl::StrJoin(pieces, "");
    WireReader reader(request);
    for (WireField field; reader.Next(&field);) {
      if (field.tag != kResourceTag) std::abort();
    }
    if (!reader.ok()) std::abort();
    std::string json;
    otlp::AppendJson(signal == otlp::Signal::kTraces ? otlp::kTraceRequest : otlp::kLogsRequest,
                     request, &json);
    if (!nlohmann::json::accept(json)) std::abort();
    if (!request.empty() && request.size() % 2 == 0) answer.kind = otlp::Answer::Kind::kSplit;
    return answer;
  }
  void Cancel() override {}
  std::string Describe() const override { return "fuzzer"; }
};

journal::Entry EntryOf(const journal::BatchView& batch, uint64_t sequence, bool replayed) {
  journal::Entry entry;
  entry.sequence = sequence;
  entry.uid = batch.uid;
  entry.replayed = replayed;
  entry.batch = batch;
  return entry;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string any_json;
  otlp::AppendJson(otlp::kMetricsRequest, bytes, &any_json);
  if (!nlohmann::json::accept(any_json)) std::abort();
  const auto batch = journal::ReadBatch(bytes);
  if (!batch.has_value()) return 0;
  Counters counters;
  otlp::OtlpSink::Options options;
  options.name = "otlp";
  options.settings.level_attribute = "level";
  options.counters = &counters;
  otlp::OtlpSink sink(options, std::make_unique<Reader>());
  stream::RecordStream stream(
      filter::Filter::Parse("debug", {}).filter,
      [&](const stream::Delivery& delivery) { sink.Add(delivery); }, nullptr,
      [&](const auto& scope) { return sink.TakeScope(scope); });
  stream.DeliverReplayed(true);
  stream.Read(EntryOf(*batch, 1, true));
  stream.Read(EntryOf(*batch, 2, false));
  sink.ReleaseHeld(false);
  if (!sink.Commit().ok() || sink.pending_records() != 0) std::abort();
  return 0;
}
