// The END that the agent writes for a span whose process is gone.
#pragma once

#include <string>
#include <string_view>

#include "agent/live/span.h"

namespace sluice::live {

// Says why on the span: `sluice.abort.cause`, next to status ERROR. Only the agent writes it.
inline constexpr std::string_view kAbortCauseAttribute = "sluice.abort.cause";

// The cause; empty: the agent did not end the span.
std::string_view AbortCauseOf(const SpanView& span);

// An encoded sluice.v1.Record of kind END. `cause` is `signal 9 (SIGKILL)`, `exit code 1`,
// `process gone`, `connection lost`, `ttl` or `reboot`.
std::string EncodeAbortedEnd(const Span& span, std::string_view cause, uint64_t end_unix_nano);

}  // namespace sluice::live
