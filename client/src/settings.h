// What this process says of itself and where it finds the agent: from the program, else from the
// environment, else defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/include/sluice/sluice.h"
#include "client/src/ids.h"
#include "client/src/sampler.h"

namespace sluice {

struct Settings {
  std::string socket_path;
  std::string resource;        // an encoded Resource
  std::string boot_id;         // of the kernel; empty: unknown
  std::string default_target;  // of what names none: the program's file name
  size_t ring_bytes = 0;
  std::chrono::milliseconds send_interval{0};
  sluice_context root = {};  // the context this process was started in
  Sampler sampler = {};
  IdMaker ids = {};
  // Variables of the environment that could not be taken, and why.
  std::vector<std::pair<std::string_view, std::string>> complaints = {};
};

// Sets the process's baggage keys as well.
Settings MakeSettings(const sluice_options& options);

}  // namespace sluice
