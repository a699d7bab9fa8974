// Decides which traces go to a destination that is not to have all: by their ids, so that of a
// trace all or nothing is kept, also by others who sample by the same share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/trace/ids.h"

namespace sluice::otlp {

// `0.1`: a tenth of all traces. `100/s`: of all traces so many that about 100 spans a second are
// kept. `1` or more: all.
struct SampleRate {
  double share = 1;
  double per_second = 0;  // 0: the share is fixed

  bool operator==(const SampleRate&) const = default;
};
std::optional<SampleRate> ParseSampleRate(std::string_view text);

// Owned by one thread.
class Sampler {
 public:
  explicit Sampler(const SampleRate& rate) : rate_(rate), share_(rate.share) {}

  bool keeps_all() const { return rate_ == SampleRate(); }
  // Whether the trace is kept, and counts one span or event of it. `now`: as BootNano.
  bool Keeps(const TraceId& trace_id, uint64_t now);

 private:
  void Adapt(uint64_t now);

  const SampleRate rate_;
  double share_;
  // Since when spans are counted, and how many there were.
  uint64_t counted_since_ = 0;
  uint64_t count_ = 0;
};

}  // namespace sluice::otlp
