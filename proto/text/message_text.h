// An event as one line of text, as Rust's tracing prints it: `message=Header, count=3,
// name="value"`.
#pragma once

#include <string>

#include "proto/record/view.h"

namespace sluice {

// The event's message first, as it is, then every attribute in order. Text attributes are quoted by
// AppendRustDebug unless marked bare.
std::string MessageText(const RecordView& event);

// One value: `true`, `-5`, `1.0`, `[01 ff]` (bytes), `["a", 1]`, `{"key": 1}`, `null` (empty). Text
// is quoted unless `bare`; inside arrays and maps always.
void AppendValueText(const ValueView& value, bool bare, std::string* out);

}  // namespace sluice
