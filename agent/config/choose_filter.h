// Which filter is in force for a sink: the first sound one of several texts.
#pragma once

#include <string>
#include <vector>

#include "agent/config/agent_config.h"

namespace sluice::config {

struct FilterCandidate {
  std::string text;
  // For warnings: `'SLUICE_LOG' value`, `config kvp.filter`.
  std::string name;
  // What it is when fallen back to: `environment`, `config`, `default`.
  std::string kind;
  std::string origin;  // as SinkFilter::origin
  // Set: it is made of routes, which are sound, and `text` is empty.
  std::shared_ptr<const filter::Filter> routes;
};

// Tries the candidates in order; the last one is the built-in default, which is sound. Appends to
// `*warnings` each bad one, naming the piece and the next, and what is odd about the one chosen.
SinkFilter ChooseFilter(const std::vector<FilterCandidate>& candidates,
                        const filter::FilterOptions& options, std::vector<std::string>* warnings);

}  // namespace sluice::config
