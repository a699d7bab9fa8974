#include "agent/filter/target_levels.h"

#include <algorithm>

namespace sluice::filter {

bool Routes::Takes(std::string_view target, Level level) const {
  return std::any_of(routes_.begin(), routes_.end(),
                     [&](const Route& route) { return route.targets.Takes(target, level); });
}

std::vector<std::string_view> Routes::TakenBy(std::string_view target, Level level) const {
  std::vector<std::string_view> names;
  for (const Route& route : routes_) {
    if (route.targets.Takes(target, level)) names.push_back(route.name);
  }
  return names;
}

LevelSummary Routes::Summarize() const {
  std::vector<LevelSummary> summaries;
  for (const Route& route : routes_) summaries.push_back(route.targets.Summarize());
  return MaxOf(summaries);
}

// Targets alone decide, so the summary is exact; and of a filter's static directives, too, the one
// with the longest prefix decides.
std::shared_ptr<const Filter> Routes::Compile() const {
  const LevelSummary summary = Summarize();
  std::vector<Directive> directives;
  for (const LevelSummary::Target& entry : summary.targets) {
    directives.push_back({.target = entry.prefix, .level = entry.level});
  }
  if (summary.otherwise != LevelFilter::kOff) directives.push_back({.level = summary.otherwise});
  return Filter::Of(std::move(directives), FilterOptions());
}

}  // namespace sluice::filter
