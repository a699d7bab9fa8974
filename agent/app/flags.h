// The command line of sluiced.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/config/load.h"

namespace sluice::app {

struct Flags {
  config::FlagValues config;
  // --dev, absolute; empty: the machine's own agent.
  std::string dev_folder;
  bool check_config = false;
  bool print_config = false;
  bool verbose = false;
  // Answer the peer of stdin about this journal, and be no agent; empty: about filters alone.
  std::optional<std::string> offline;
};

// Exit codes, as LSB has them: usage or configuration, and what the machine would not give.
inline constexpr int kBadConfig = 2;
inline constexpr int kCannotStart = 3;

// Writes what was asked for to stdout. 0, or kCannotStart, logged, when not all of it went out.
int PrintAnswer(std::string_view text);

// Prints help, the version or what is wrong; the exit code then, nullopt: go on with `*flags`.
std::optional<int> ParseFlags(int argc, char** argv, Flags* flags);

// Makes the directory of --dev, and says what a client sets to reach the agent there.
absl::Status MakeDevFolder(const std::string& folder);

}  // namespace sluice::app
