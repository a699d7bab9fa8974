// What can be configured of the log file, `[log]`, of further ones, `[log.NAME]`, and of the lines
// on stderr, `[stderr]`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/config/sink_section.h"
#include "agent/lines/format.h"

namespace sluice::log_sink {

struct FileSettings {
  std::string path = "/var/log/sluice/sluice.log";
  lines::LineStyle format = lines::LineStyle::kText;
  uint64_t max_scope = 2 * 1024;          // bytes of the spans around a record in its line
  uint64_t max_size = 64 * config::kMiB;  // bytes before the file is rotated; 0: never
  std::chrono::seconds max_age{0};        // age before it is rotated; 0: never
  uint32_t rotate_keep = 4;               // rotated files kept
  // Write even if the file cannot be made mode 0600 and owned by the agent.
  bool allow_loose_mode = false;
};

enum class ColorMode { kAuto, kNever };  // kAuto: see TakesColor()

struct StderrSettings {
  lines::LineStyle format = lines::LineStyle::kText;
  uint64_t max_scope = 2 * 1024;  // bytes of the spans around a record in its line
  ColorMode color = ColorMode::kAuto;
};

config::SinkSection FileSection();
config::SinkSection StderrSection();

}  // namespace sluice::log_sink
