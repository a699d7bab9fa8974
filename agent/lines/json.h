// One JSON object a line. Keys that a sender chooses stand only inside `fields` objects, so the
// outer ones can be trusted; those that begin with `_` come from the kernel.
//
//   {"time","level","target","message","event_name","fields":{},"spans":[{"name","fields":{}}],
//    "trace_id","span_id","service","_pid","_uid","_gid","_unit","_comm"}
//
// What is not there is left out. `kind` is `new` or `close` for a span's life, with `span` its
// name; `close` carries `busy_ns` and `idle_ns`. Times have nine digits. NaN and infinities are
// text.
#pragma once

#include <string>

#include "agent/lines/format.h"
#include "agent/lines/lifecycle.h"

namespace sluice::lines {

void AppendJsonLine(const LineInput& input, const Lifecycle& life, std::string* out);

// `"key":value`, separated by commas; a comma first where `*rendered` already holds fields.
void AppendJsonFields(const RecordView& record, std::string* rendered);
void AppendJsonField(const AttributeView& attribute, std::string* rendered);

}  // namespace sluice::lines
