// What the views and the sinks want of the records that come: for admission, and as a hint for
// clients.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/config/agent_config.h"
#include "agent/control/filter_query.h"
#include "agent/filter/level_summary.h"
#include "agent/live/candidate.h"
#include "agent/sinks/sink_kind.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::app {

// Constant once made; a reload makes another.
class Wanted {
 public:
  // `takes_unfiltered` is told of each event that a sink takes whatever its filter says.
  explicit Wanted(const config::AgentConfig& config,
                  std::function<void(const std::string& sink)> takes_unfiltered = nullptr);

  // Whether admission takes a record, as Admission::WantedFn.
  bool Wants(const live::Candidate& record) const;

  // Of every target, the most verbose level that the views or any sink want.
  const filter::LevelSummary& levels() const { return levels_; }
  v1::Hint ToHint() const;

 private:
  struct Unfiltered {
    uint64_t key_size_bit = 0;
    bool (*takes)(const live::Candidate&, bool sink_is_enabled) = nullptr;
    bool sink_is_enabled = false;
    std::string sink;
  };

  std::function<void(const std::string&)> takes_unfiltered_;
  filter::LevelSummary levels_;
  std::vector<Unfiltered> unfiltered_;
};

// What judges records now; `wanted` is Wanted::levels of the same configuration.
control::FiltersInForce FiltersOf(const config::AgentConfig& config,
                                  const filter::LevelSummary& wanted);

}  // namespace sluice::app
