#include "agent/sinks/sink_kinds.h"

namespace sluice::sinks {

#define SINK(Name) SinkKind Name##SinkKind();
#include "agent/sinks/sink_list.h"
#undef SINK

const std::vector<SinkKind>& AllSinkKinds() {
  static const auto* const kinds = new std::vector<SinkKind>{
#define SINK(Name) Name##SinkKind(),
#include "agent/sinks/sink_list.h"
#undef SINK
  };
  return *kinds;
}

const config::Schema& ConfigSchema() {
  static const auto* const schema = [] {
    std::vector<config::SinkSection> sections;
    for (const SinkKind& kind : AllSinkKinds()) sections.push_back(kind.section);
    return new config::Schema(std::move(sections));
  }();
  return *schema;
}

const SinkKind& KindOf(const config::SinkConfig& sink) { return AllSinkKinds()[sink.kind]; }

}  // namespace sluice::sinks
