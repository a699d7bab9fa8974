// A span that came in parts as the one message that it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/trace/ids.h"

namespace sluice::otlp {

// Appends the encoded Span that `parts` are, the concatenated bodies of its START, UPDATEs and END.
// Each field stands once: of a number or text the last one, of an attribute that came again the
// last value at its first place, of status message and code the last ones. Not all readers of OTLP
// merge what comes twice. `parent`: the parent that it names instead of its own; zero: none.
void JoinSpan(std::string_view parts, const std::optional<SpanId>& parent, std::string* out);

}  // namespace sluice::otlp
