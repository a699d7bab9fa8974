#include "agent/sinks/sink_kind.h"

namespace sluice::sinks {

#define SINK(Name) SinkKind Name##SinkKind();
#include "agent/sinks/sink_list.h"
#undef SINK

std::vector<SinkKind> AllSinkKinds() {
  return {
#define SINK(Name) Name##SinkKind(),
#include "agent/sinks/sink_list.h"
#undef SINK
  };
}

}  // namespace sluice::sinks
