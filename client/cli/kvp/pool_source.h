// Where the kvp verbs find the pool: a file that the flags name, the running agent's pool, or the
// installed one.
#pragma once

#include <string>

#include "client/cli/exit_code.h"
#include "client/cli/kvp/pool_image.h"
#include "client/cli/options.h"

namespace sluice::cli {

// AddGlobalOptions, and --pool, --dir and --unsafe.
void AddPoolOptions(CLI::App& app, GlobalOptions* options);

// `external`, `guest`, `auto`, `auto-external`, `auto-internal`: pools 0 to 4.
std::string_view PoolName(int number);

// --dir, else the file that the running agent writes (pool 1 alone), else the installed path. The
// last is not tried when a socket was named: that agent was meant and no other.
Result<std::string> FindPoolFile(const GlobalOptions& options);

// The records: through the agent where FindPoolFile would name its file, else out of the file. A
// file that does not exist holds none.
Result<kvp::PoolImage> LoadPool(const GlobalOptions& options);

}  // namespace sluice::cli
