// OTEL_TRACES_SAMPLER: which traces are recorded at all.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/trace/ids.h"

namespace sluice {

class Sampler {
 public:
  // Everything, whatever a parent says.
  Sampler() = default;
  // `name` and `argument` as the variables have them; an empty name is the default above. What
  // cannot be read counts as that, and `*error` says why.
  static Sampler Parse(std::string_view name, std::string_view argument, std::string* error);

  bool is_default() const { return !respects_parent_ && threshold_ == 0; }
  // `parent_flags` are W3C's of the parent, if there is one.
  bool Takes(const TraceId& trace_id, bool has_parent, uint8_t parent_flags) const;

 private:
  Sampler(bool respects_parent, uint64_t threshold)
      : respects_parent_(respects_parent), threshold_(threshold) {}

  bool respects_parent_ = false;
  // A trace is taken whose last 56 bits, which are random, are not below it; 2^56: none is.
  uint64_t threshold_ = 0;
};

}  // namespace sluice
