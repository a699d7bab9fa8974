// The END that the agent writes for a span whose process is gone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/live/span.h"

namespace sluice::live {

// Says why on the span: `sluice.abort.cause`, next to status ERROR. Only the agent writes it.
inline constexpr std::string_view kAbortCauseAttribute = "sluice.abort.cause";
// True where the time is not that of the end but of the last sign of life; else it is not there.
inline constexpr std::string_view kAbortEstimatedAttribute = "sluice.abort.estimated";

struct AbortedEnd {
  // `signal 9 (SIGKILL)`, `exit code 1`, `process gone`, `connection lost`, `ttl` or `reboot`.
  std::string_view cause;
  struct Time {
    uint64_t unix_nano = 0;
    bool is_estimated = false;
  } time;
};

// The cause; empty: the agent did not end the span.
std::string_view AbortCauseOf(const SpanView& span);

// An encoded sluice.v1.Record of kind END.
std::string EncodeAbortedEnd(const Span& span, const AbortedEnd& end);

}  // namespace sluice::live
