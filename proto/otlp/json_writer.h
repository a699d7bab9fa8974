// OTLP's messages from the wire to JSON, by the table of schema.h.
#pragma once

#include <string>
#include <string_view>

#include "proto/otlp/schema.h"

namespace sluice::otlp {

// Appends `encoded` as one JSON object without line breaks, fields by ascending number. What the
// wire holds is written, defaults included; what it leaves out is not, nor what the table does not
// know or what nests deeper than 100 messages. A singular field that comes twice is merged, as
// protobuf has it. Malformed input reads as far as it is sound; a text that is no UTF-8 has U+FFFD
// in place of what is wrong.
void AppendJson(const Message& message, std::string_view encoded, std::string* out);

}  // namespace sluice::otlp
