// A run of an AI agent, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "client/cli/render/text.h"
#include "client/cli/trace/run_info.h"

namespace sluice::cli {

// The sums, then calls by model, tools, agents, and what failed. `with_content`: also what each
// call sent and got, which may be private.
std::string RenderRunInfo(const std::string& run_id, const RunInfo& run, bool with_content,
                          const TextStyle& style);
std::string RenderRunInfoJson(const std::string& run_id, const RunInfo& run,
                              const std::vector<Trace>& traces, bool with_content);

}  // namespace sluice::cli
