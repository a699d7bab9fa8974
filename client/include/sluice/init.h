// What concerns the process as a whole: options, flush, counters. All of it is optional.
#pragma once

#include <string_view>

#include "sluice/attribute.h"

namespace sluice {

// Defaults as in sluice_options.
struct Options {
  std::string_view service_name = {};
  std::string_view service_version = {};
  std::string_view socket_path = {};
  size_t ring_bytes = 0;
  uint32_t send_interval_ms = 0;
};

// Only before the first use: false when it comes too late, and then does nothing.
inline bool Init(const Options& options) noexcept {
  const sluice_options raw = {.size = sizeof(raw),
                              .service_name = Attribute::Text(options.service_name),
                              .service_version = Attribute::Text(options.service_version),
                              .socket_path = Attribute::Text(options.socket_path),
                              .ring_bytes = options.ring_bytes,
                              .send_interval_ms = options.send_interval_ms};
  return sluice_init(&raw) == 0;
}

// Waits until the agent has everything emitted so far in its journal; false when time ran out.
inline bool Flush(uint32_t timeout_ms) noexcept { return sluice_flush(timeout_ms) == 0; }

using Stats = sluice_stats;
inline Stats ReadStats() noexcept {
  Stats stats = {};
  stats.size = sizeof(stats);
  sluice_read_stats(&stats);
  return stats;
}

}  // namespace sluice
