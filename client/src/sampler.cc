#include "client/src/sampler.h"

#include <charconv>
#include <cmath>

#include "proto/trace/context.h"

namespace sluice {
namespace {

constexpr std::string_view kParentBased = "parentbased_";
constexpr uint64_t kNone = uint64_t{1} << 56;

uint64_t LastBits(const TraceId& trace_id) {
  uint64_t bits = 0;
  for (size_t i = 9; i < trace_id.bytes.size(); ++i) bits = bits << 8 | trace_id.bytes[i];
  return bits;
}

// The threshold for a ratio of 0 to 1; an empty text is 1. False: it is neither.
bool ParseRatio(std::string_view text, uint64_t* threshold) {
  double ratio = 1;
  if (!text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ratio);
    if (error != std::errc() || end != text.data() + text.size()) return false;
  }
  if (!(ratio >= 0 && ratio <= 1)) return false;
  *threshold = static_cast<uint64_t>(std::llround((1 - ratio) * static_cast<double>(kNone)));
  return true;
}

}  // namespace

Sampler Sampler::Parse(std::string_view name, std::string_view argument, std::string* error) {
  if (name.empty()) return {};
  std::string_view rest = name;
  const bool respects_parent = rest.starts_with(kParentBased);
  if (respects_parent) rest.remove_prefix(kParentBased.size());
  if (rest == "always_on") return {respects_parent, 0};
  if (rest == "always_off") return {respects_parent, kNone};
  if (rest != "traceidratio") {
    error->append("there is no sampler '").append(name).append("'");
    return {};
  }
  uint64_t threshold = 0;
  if (!ParseRatio(argument, &threshold)) {
    error->append("invalid ratio '").append(argument).append("': expected 0 to 1");
    return {};
  }
  return {respects_parent, threshold};
}

bool Sampler::Takes(const TraceId& trace_id, bool has_parent, uint8_t parent_flags) const {
  if (respects_parent_ && has_parent) return (parent_flags & kSampledFlag) != 0;
  return LastBits(trace_id) >= threshold_;
}

}  // namespace sluice
