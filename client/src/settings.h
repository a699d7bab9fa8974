// What this process says of itself and where it finds the agent: from the program, else from the
// environment, else defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "client/include/sluice/sluice.h"

namespace sluice {

struct Settings {
  std::string socket_path;
  std::string resource;        // an encoded Resource
  std::string resource_error;  // why OTEL_RESOURCE_ATTRIBUTES was not taken; empty: it was
  std::string boot_id;         // of the kernel; empty: unknown
  size_t ring_bytes = 0;
  std::chrono::milliseconds send_interval{0};
  sluice_context root = {};  // the context this process was started in
};

Settings MakeSettings(const sluice_options& options);

}  // namespace sluice
