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

// First what is wrong, a line each, or `ok`. Then sections, each with a heading, and aligned
// columns within: agent, journal, sinks, clients, drops by reason and uid, filters and other
// settings that somebody chose.
std::string RenderStatus(const v1::StatusResponse& status, const StatusView& view);

// The spans that have begun and not ended, the oldest first, with their ages.
std::string RenderOpenSpans(const v1::StatusResponse& status, const StatusView& view);

// Whether the journal or a sink fails to write what it should.
bool IsFailing(const v1::StatusResponse& status);

// Whether a counter counts what was not taken or not written.
bool IsDrop(const v1::Counter& counter);

}  // namespace sluice::cli
