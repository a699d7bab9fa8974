// Routes to a sink by target: several named (target prefix, level) selections that share one trace,
// as vLLora's layers. A record goes to the sink when a route takes it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/filter/filter.h"
#include "agent/filter/level_summary.h"
#include "agent/filter/targets.h"

namespace sluice::filter {

struct Route {
  std::string name;
  Targets targets;
};

// Immutable and thread-safe.
class Routes {
 public:
  Routes() = default;
  explicit Routes(std::vector<Route> routes) : routes_(std::move(routes)) {}

  const std::vector<Route>& list() const { return routes_; }
  bool empty() const { return routes_.empty(); }
  // Spans and events alike, by their own target. No route: nothing is taken. A span that is not
  // taken is passed over: its children belong to the nearest ancestor that is.
  bool Takes(std::string_view target, Level level) const;
  // Names of the routes that take it, in order.
  std::vector<std::string_view> TakenBy(std::string_view target, Level level) const;
  LevelSummary Summarize() const;
  // A filter that takes what the routes take.
  std::shared_ptr<const Filter> Compile() const;

 private:
  std::vector<Route> routes_;
};

}  // namespace sluice::filter
