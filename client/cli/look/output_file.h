// Where a verb puts a document that people keep.
#pragma once

#include <string>

#include "client/cli/verb.h"

namespace sluice::cli {

// Writes what `render` writes to the file at `path`, which appears whole or not at all and takes
// the place of what is there; to stdout where the path is empty or `-`. Exit code; what went wrong
// was noted.
int WriteOutput(const std::string& path, const Rendering& render);

}  // namespace sluice::cli
