// What the agent has to know of one kind of sink. A kind lives in its sink's folder and has one
// line in sink_list.h; docs/add-a-sink.md shows how.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/schema.h"
#include "agent/config/sink_section.h"
#include "agent/filter/level_summary.h"
#include "agent/journal/journal.h"
#include "agent/live/candidate.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink.h"

namespace sluice::sinks {

// What a sink may be made from. What is pointed to by `journal` and `counters` outlives the sink;
// the configuration is to be copied from.
struct SinkContext {
  const config::AgentConfig& config;
  const config::SinkConfig& sink;  // its own
  std::string vm_id;
  journal::Journal* journal = nullptr;
  Counters* counters = nullptr;
};

// Events that a sink takes whatever its filter says, so that admission keeps them for it.
struct UnfilteredEvents {
  // They have an attribute of this key.
  std::string_view attribute;
  // Asked on admission of each event that may have it, by key_sizes. What is refused stays an event
  // like any other; the kind may count it (live::Candidate::Count).
  bool (*takes)(const live::Candidate& event, bool sink_is_enabled) = nullptr;
  // Where such events are to be expected: clients are told to send them while the sink is on.
  filter::LevelSummary hint;
};

struct SinkKind {
  // Names it, too: SinkSection::sink.
  config::SinkSection section;
  std::unique_ptr<Sink> (*make)(const SinkContext&) = nullptr;
  // Where it would write, for status while it is switched off; null: that is not told.
  std::string (*destination)(const config::SinkConfig&) = nullptr;
  // What Sink::unfiltered names.
  std::optional<UnfilteredEvents> unfiltered = std::nullopt;
  // A flush that names no sink waits for it.
  bool flushed_by_default = true;
  // Whether such a sink reads OTLP's metrics, which others pass over; null: none does.
  bool (*reads_metrics)(const config::SinkConfig&) = nullptr;
};

}  // namespace sluice::sinks
