// Where a verb puts a document that people keep.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// Writes `text` to the file at `path`, which appears whole or not at all and takes the place of
// what is there; to stdout where the path is empty or `-`. Exit code; what went wrong was noted.
int WriteOutput(const std::string& path, std::string_view text);

}  // namespace sluice::cli
