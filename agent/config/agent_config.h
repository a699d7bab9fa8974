// Everything the agent can be told, as plain values. The agent's own defaults stand here and
// nowhere else, a sink's with its kind; packaging/sluice.toml shows them to people,
// docs/configuration.md explains them.
#pragma once

#include <any>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/value.h"
#include "agent/filter/filter.h"
#include "agent/filter/redaction.h"
#include "agent/filter/target_levels.h"
#include "proto/record/names.h"

namespace sluice::config {

using filter::LevelFilter;

// The filter in force for one sink: environment before configuration before default, the first one
// that is sound. `compiled` is never null after Load.
struct SinkFilter {
  std::string text;    // empty where the routes decide
  std::string origin;  // `default`, `file PATH:LINE`, `environment NAME`
  std::shared_ptr<const filter::Filter> compiled;
  // As configured; not empty: they stand for the configuration's text.
  filter::Routes routes;
  bool by_routes = false;  // `compiled` is made of them
};

struct SocketConfig {
  std::string ingest{kIngestSocket};
  std::string admin{kAdminSocket};
  uint32_t mode = 0666;  // of the ingest socket
};

struct JournalConfig {
  std::string path = "/var/lib/sluice/journal";
  // Used where `path` is not writable at start. Follows runtime.path unless set.
  std::string runtime_path = "/run/sluiced/journal";
  uint64_t max = 256 * kMiB;  // bytes; also at most 10 % of the file system
  uint64_t keep = 64 * kMiB;  // bytes already read by all sinks, kept for the views
  std::chrono::seconds max_age = std::chrono::hours(24 * 7);
  LevelFilter level = LevelFilter::kInfo;  // what the views see even where no sink wants it
  uint64_t segment = 16 * kMiB;            // bytes of one segment file
};

// What records are taken without; as configured, and for use.
struct RedactRules {
  std::vector<std::string> rules;
  std::shared_ptr<const filter::Redaction> compiled;  // null: there are none
};

struct IngestConfig {
  bool otlp = true;  // whether OpenTelemetry's exports are taken
  bool otlp_metrics = true;
  RedactRules redact;
};

struct RuntimeConfig {
  std::string path = "/run/sluiced";  // state that dies with the boot
};

// Caps that a site may lower or raise; what both sides of the protocol share is fixed in
// proto/record/limits.h.
struct LimitsConfig {
  uint32_t connections_per_uid = 512;
  uint64_t memory = 128 * kMiB;       // bytes of unfinished messages, of all users
  uint64_t otlp_request = 64 * kMiB;  // bytes of one export request, decompressed
  uint64_t otlp_record = kMiB;        // bytes of one span, log record or metric in it
};

// One sink: the only one of its kind, or an instance of it.
struct SinkConfig {
  size_t kind = 0;      // of Schema::sinks()
  std::string name;     // `file`, `otlp.backup`
  std::string section;  // the table it is configured in: `log`, `otlp.backup`
  bool enabled = true;  // as configured
  // The key that switches it off: `log.enabled`. Empty after Load: it is on.
  std::string off_by;
  SinkFilter filter;
  std::any settings;  // its kind's struct

  bool on() const { return off_by.empty(); }
  // `settings`, which must be of this type.
  template <typename Settings>
  const Settings& As() const {
    return *std::any_cast<Settings>(&settings);
  }
  template <typename Settings>
  Settings* Mutable() {
    return std::any_cast<Settings>(&settings);
  }
};

struct AgentConfig {
  SocketConfig socket;
  RuntimeConfig runtime;
  JournalConfig journal;
  IngestConfig ingest;
  LimitsConfig limits;
  // For every sink's filter: the section `[filter]`.
  filter::FilterOptions filter_options;
  // In the order in which they start.
  std::vector<SinkConfig> sinks;

  // Null: there is none of this name.
  const SinkConfig* FindSink(std::string_view name) const;
};

}  // namespace sluice::config
