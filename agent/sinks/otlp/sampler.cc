#include "agent/sinks/otlp/sampler.h"

#include <algorithm>
#include <charconv>

namespace sluice::otlp {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
constexpr double kAllOf56Bits = 72057594037927936.0;  // 2^56

// The last 56 bits of a trace id, which W3C's random flag speaks of.
double RandomnessOf(const TraceId& trace_id) {
  uint64_t bits = 0;
  for (size_t i = TraceId::kBytes - 7; i < TraceId::kBytes; ++i) {
    bits = bits << 8 | trace_id.bytes[i];
  }
  return static_cast<double>(bits);
}

}  // namespace

std::optional<SampleRate> ParseSampleRate(std::string_view text) {
  const bool is_per_second = text.ends_with("/s");
  if (is_per_second) text.remove_suffix(2);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (is_per_second) {
    if (!(number >= 1 && number <= 1e9)) return std::nullopt;
    return SampleRate{.per_second = number};
  }
  if (!(number >= 0 && number <= 1)) return std::nullopt;
  return SampleRate{.share = number};
}

bool Sampler::Keeps(const TraceId& trace_id, uint64_t now) {
  if (rate_.per_second > 0) Adapt(now);
  // The highest ids are kept, as OpenTelemetry's consistent sampling has it.
  return RandomnessOf(trace_id) >= (1 - share_) * kAllOf56Bits;
}

// What came in one second is the measure for the next.
void Sampler::Adapt(uint64_t now) {
  if (now >= counted_since_ + kNanosPerSecond) {
    const double seconds = static_cast<double>(now - counted_since_) / kNanosPerSecond;
    const double came = static_cast<double>(count_) / seconds;
    share_ = came <= rate_.per_second ? 1 : rate_.per_second / came;
    counted_since_ = now;
    count_ = 0;
  }
  ++count_;
}

}  // namespace sluice::otlp
