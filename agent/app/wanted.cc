#include "agent/app/wanted.h"

#include <utility>

#include "agent/sinks/sink_kinds.h"

namespace sluice::app {

Wanted::Wanted(const config::AgentConfig& config,
               std::function<void(const std::string& sink)> takes_unfiltered)
    : takes_unfiltered_(std::move(takes_unfiltered)) {
  // The views want what journal.level says of every target.
  std::vector<filter::LevelSummary> wanted{{config.journal.level, {}}};
  for (const config::SinkConfig& sink : config.sinks) {
    const sinks::SinkKind& kind = sinks::KindOf(sink);
    const bool is_enabled = sink.on();
    if (is_enabled) wanted.push_back(sink.filter.compiled->Summarize());
    if (!kind.unfiltered.has_value()) continue;
    if (is_enabled) wanted.push_back(kind.unfiltered->hint);
    unfiltered_.push_back(
        {KeySizeBit(kind.unfiltered->attribute), kind.unfiltered->takes, is_enabled, sink.name});
  }
  levels_ = filter::MaxOf(wanted);
}

bool Wanted::Wants(const live::Candidate& record) const {
  bool is_wanted = filter::Allows(levels_.LevelFor(record.record->target), record.level());
  if (record.record->kind != RecordKind::kEvent) return is_wanted;
  for (const Unfiltered& events : unfiltered_) {
    if ((record.key_sizes & events.key_size_bit) == 0) continue;
    if (!events.takes(record, events.sink_is_enabled)) continue;
    is_wanted = true;
    if (takes_unfiltered_ != nullptr) takes_unfiltered_(events.sink);
  }
  return is_wanted;
}

v1::Hint Wanted::ToHint() const {
  v1::Hint hint;
  hint.set_default_level(static_cast<v1::Level>(levels_.otherwise));
  hint.set_default_off(levels_.otherwise == filter::LevelFilter::kOff);
  for (const filter::LevelSummary::Target& target : levels_.targets) {
    v1::TargetLevel* const level = hint.add_targets();
    level->set_target_prefix(target.prefix);
    level->set_level(static_cast<v1::Level>(target.level));
    level->set_off(target.level == filter::LevelFilter::kOff);
  }
  return hint;
}

control::FiltersInForce FiltersOf(const config::AgentConfig& config,
                                  const filter::LevelSummary& wanted) {
  control::FiltersInForce in_force;
  for (const config::SinkConfig& sink : config.sinks) {
    in_force.sinks.push_back(
        {.sink = sink.name,
         .enabled = sink.on(),
         .filter = sink.filter.compiled,
         .routes = sink.filter.by_routes ? sink.filter.routes : filter::Routes()});
  }
  in_force.options = config.filter_options;
  in_force.journal_level = config.journal.level;
  in_force.wanted = wanted;
  return in_force;
}

}  // namespace sluice::app
