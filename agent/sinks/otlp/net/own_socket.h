// Whether a Unix endpoint is this agent: an agent that exports to itself would loop for ever.
#pragma once

#include <string>

namespace sluice::otlp {

// Whether `path` is, by device and inode, what a socket of this process listens on.
bool IsOwnSocket(const std::string& path);

}  // namespace sluice::otlp
