// A trace context as text that shells hand on: in a file, on stdout, in variables.
#pragma once

#include <string>
#include <string_view>

#include "client/cli/exit_code.h"
#include "client/rpc/status.h"
#include "proto/trace/context.h"

namespace sluice::cli {

// otel-cli's form: two lines of remarks, then `TRACEPARENT=...`, behind `export ` if asked for.
std::string FormatCarrier(const TraceContext& context, bool exports);
// The context of a text of that form; nullopt: it holds none.
std::optional<TraceContext> ParseCarrier(std::string_view text);

// Nullopt: there is no such file, or no context in it.
std::optional<TraceContext> ReadCarrier(const std::string& path);
// Likewise, once there is one, until `deadline`: the span may be just beginning.
std::optional<TraceContext> AwaitCarrier(const std::string& path, rpc::Deadline deadline);
// kExitOk: written, for its owner alone where the file is new.
Failure WriteCarrier(const std::string& path, const std::string& text);

}  // namespace sluice::cli
