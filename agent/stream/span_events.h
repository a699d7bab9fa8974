// The events that an SDK keeps within its span.
#pragma once

#include <string>
#include <string_view>

#include "proto/record/view.h"

namespace sluice::stream {

// An encoded Span.Event as a LogRecord of its own: its name is the message, its level that of a
// text attribute `level`, if one names one.
std::string SpanEventAsLogRecord(const SpanView& span, std::string_view event);

}  // namespace sluice::stream
