// The flags that every verb takes, and where the agent's sockets are.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/cli/exit_code.h"

namespace CLI {
class App;
}

namespace sluice::cli {

// Which file the verbs of `sluice kvp` are about.
struct PoolOptions {
  std::string directory;  // empty: the agent's pool, else the installed one
  int number = 1;         // of .kvp_pool_N
  bool unsafe = false;    // the fields' own limits instead of those that the host reads
};

// As given on the command line; empty: not given.
struct GlobalOptions {
  std::string socket;
  std::string admin_socket;
  std::optional<std::chrono::milliseconds> timeout;
  bool json = false;
  PoolOptions pool;
  // A journal to look at instead of asking the running agent: where it lies, or the root directory
  // of a system that has one. At most one is given.
  std::string journal;
  std::string root;

  bool is_offline() const { return !journal.empty() || !root.empty(); }
};

struct SocketPaths {
  std::string ingest;
  std::string admin;
};

// Reads one environment variable; null: unset.
using Environment = std::function<const char*(const char* name)>;

// Flag, else environment, else the installed path. An ingest socket named by flag or environment
// moves the admin socket beside it, unless that is named the same way. `unix:PATH` means PATH.
SocketPaths ResolveSockets(const GlobalOptions& options, const Environment& environment);
SocketPaths ResolveSockets(const GlobalOptions& options);

// Whether a flag or the environment names a socket: that agent is meant, and nothing in its place.
bool NamesAgent(const GlobalOptions& options);

// A length of time as when.h takes it, a bare number being milliseconds; from 1 ms to 1 hour.
// nullopt: none of these.
std::optional<std::chrono::milliseconds> ParseTimeout(std::string_view text);

// Adds --socket, --admin-socket, --timeout and --json to `app`. `options` outlives it.
void AddGlobalOptions(CLI::App& app, GlobalOptions* options);
// The same, and --utc, --root and --journal, for verbs that only look.
void AddViewOptions(CLI::App& app, GlobalOptions* options);
// --utc, which changes nothing, for those who are used to giving it to journalctl.
void AddUtcFlag(CLI::App& app);

}  // namespace sluice::cli
