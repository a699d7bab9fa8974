// Where the kvp verbs find the pool, to read and to change it: a file that the flags name, the
// running agent's pool, or the installed one.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "client/cli/agent/agent_view.h"
#include "client/cli/exit_code.h"
#include "client/cli/kvp/pool_image.h"
#include "client/cli/options.h"
#include "proto/kvp/edit.h"

namespace sluice::cli {

// AddGlobalOptions, and --pool, --dir and --unsafe.
void AddPoolOptions(CLI::App& app, GlobalOptions* options);

// `external`, `guest`, `auto`, `auto-external`, `auto-internal`: pools 0 to 4.
std::string_view PoolName(int number);

// --dir, else the file that the running agent writes (pool 1 alone), else the installed path. The
// last is not tried when a socket was named: that agent was meant and no other.
Result<std::string> FindPoolFile(const GlobalOptions& options);

// Says on stderr when not even the folder of the pool file exists. Nothing more: a script written
// for libazureinit-kvp reads an empty pool there.
void NoteIfMistyped(const std::string& path);

// The records: through the agent where FindPoolFile would name its file, else out of the file. A
// file that does not exist holds none.
Result<kvp::PoolImage> LoadPool(const GlobalOptions& options);

// LoadPool for verbs that tell people what the pool holds: says on stderr that there is no file.
Result<kvp::PoolImage> LoadPoolForPeople(const GlobalOptions& options);

// LoadPool for the verbs of libazureinit-kvp, which refuse a file that is no whole number of
// records.
Result<kvp::PoolImage> LoadWholePool(const GlobalOptions& options);

// Who changes the pool: the agent that writes it, or this process.
struct PoolOwner {
  std::optional<AgentView> agent;
  std::string path;  // where there is no agent
};
// The agent where FindPoolFile would name its file, and it runs. All calls to it have to be
// answered within --timeout and a second.
Result<PoolOwner> FindPoolOwner(const GlobalOptions& options);

// How long the pool may take to be written.
std::chrono::milliseconds PoolTimeout(const GlobalOptions& options);

// Done and synced; how many records kRemove and kClear removed. kExitUsage: `edit` is refused, in
// libazureinit-kvp's words.
Result<size_t> EditPool(const GlobalOptions& options, const kvp::PoolEdit& edit);
// The same in the file at `path`.
Result<size_t> EditPoolFile(const GlobalOptions& options, const std::string& path,
                            const kvp::PoolEdit& edit);

}  // namespace sluice::cli
