// Reads one TOML file into flat keys. The only place that knows the TOML library.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/config/schema.h"

namespace sluice::config {

// Bytes of one configuration file.
inline constexpr size_t kMaxFileBytes = 1024 * 1024;

struct Entry {
  std::string key;  // dotted
  Value value;
  std::string path;
  uint32_t line = 0;
  uint32_t column = 0;
};

struct TomlFile {
  std::vector<Entry> entries;
  // Tables such as `[otlp.backup]`, with `PATH:LINE:COLUMN`.
  std::vector<std::pair<Instance, std::string>> instances;
  std::vector<std::string> mistakes;  // `PATH:LINE:COLUMN: what`
  std::vector<std::string> warnings;  // likewise
};

// `path` is for messages.
TomlFile ParseToml(std::string_view text, const std::string& path, const Schema& schema);

}  // namespace sluice::config
