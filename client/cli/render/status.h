// The agent's status for people.
#pragma once

#include <cstdint>
#include <string>

#include "client/cli/render/text.h"
#include "sluice/v1/query.pb.h"

namespace sluice::cli {

struct StatusView {
  uint64_t now_unix_nano = 0;
  // False: the agent showed the caller's uid alone, and the text says so.
  bool whole_agent = false;
  TextStyle style;
};

// Sections, each with a heading, and aligned columns within: agent, journal, sinks, clients, drops
// by reason and uid, filters and
// other settings that somebody chose, open spans where they were asked for.
std::string RenderStatus(const v1::StatusResponse& status, const StatusView& view);

// Whether a counter counts what was not taken or not written.
bool IsDrop(const v1::Counter& counter);

}  // namespace sluice::cli
