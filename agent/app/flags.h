// The command line of sluiced.
#pragma once

#include <optional>

#include "agent/config/load.h"

namespace sluice::app {

struct Flags {
  config::FlagValues config;
  bool check_config = false;
  bool print_config = false;
  bool verbose = false;
};

// Prints help, the version or what is wrong; the exit code then, nullopt: go on with `*flags`.
std::optional<int> ParseFlags(int argc, char** argv, Flags* flags);

}  // namespace sluice::app
