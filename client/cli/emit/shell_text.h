// Lines for a shell to evaluate, bash or any POSIX shell.
//
// The contexts around the current one are a list of words in the shell's variable SLUICE_OUTER, the
// innermost first; `-` stands for none. It is not exported: a script that is called has its own.
#pragma once

#include <string>
#include <string_view>

#include "proto/trace/context.h"

namespace sluice::cli {

// Makes the span of `context` the current one. `is_new_trace`: a TRACESTATE that is set is not of
// it.
std::string EnterSpan(const TraceContext& context, bool is_new_trace);
// Makes the context around it current again.
std::string LeaveSpan();

// The functions of `sluice shell-init`, which call `program`.
std::string ShellFunctions(std::string_view program);
// What ends all that the shell has open when it exits.
std::string ExitTrap();

// A word of the shell's language that means `text`.
std::string ShellQuote(std::string_view text);

}  // namespace sluice::cli
