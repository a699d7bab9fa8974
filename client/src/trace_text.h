// A context to and from W3C header texts.
#pragma once

#include <string_view>

#include "client/include/sluice/sluice.h"

namespace sluice {

// False, and `*context` as it was, where `traceparent` is malformed.
bool ExtractContext(std::string_view traceparent, std::string_view tracestate,
                    sluice_context* context);
// False where there is no context.
bool InjectContext(const sluice_context& context, char text[SLUICE_TRACEPARENT_SIZE]);

}  // namespace sluice
