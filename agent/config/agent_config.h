// Everything the agent can be told, as plain values. The defaults stand here and nowhere else;
// packaging/sluice.toml shows them to people, docs/configuration.md explains them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/filter/filter.h"
#include "agent/filter/target_levels.h"
#include "proto/record/names.h"

namespace sluice::config {

using filter::LevelFilter;

inline constexpr uint64_t kMiB = 1024 * 1024;

// azure-init's list for the KVP pool; in force where nothing else is said.
extern const char kDefaultKvpFilter[];

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

struct RuntimeConfig {
  std::string path = "/run/sluiced";  // state that dies with the boot
};

enum class ReportDialect { kAzureInit, kCloudInit };
// kStrict: azure-init's bytes exactly, its cut characters and unmarked overflow included.
enum class KvpProfile { kSafe, kStrict };

struct KvpConfig {
  bool enabled = true;
  // `telemetry.kvp_diagnostics`: false stops the records and the provisioning report, whose senders
  // are told so.
  bool diagnostics = true;
  std::string path = "/var/lib/hyperv/.kvp_pool_1";
  std::string prefix;                // default: `sluice-VERSION`
  std::vector<std::string> trusted;  // user names or numbers, beside root, that may set the prefix
  std::string vm_id;                 // empty: from DMI
  KvpProfile profile = KvpProfile::kSafe;
  ReportDialect report_dialect = ReportDialect::kAzureInit;
  SinkFilter filter;

  bool active() const { return enabled && diagnostics; }
};

enum class LineFormat { kText, kJson, kLogfmt };

struct LogConfig {
  bool enabled = true;
  std::string path = "/var/log/sluice/sluice.log";
  LineFormat format = LineFormat::kText;
  uint64_t max_size = 64 * kMiB;    // bytes before the file is rotated; 0: never
  std::chrono::seconds max_age{0};  // age before it is rotated; 0: never
  uint32_t rotate_keep = 4;         // rotated files kept
  // Write even where the file cannot be had with mode 0600.
  bool allow_loose_mode = false;
  SinkFilter filter;
};

enum class ColorMode { kAuto, kNever };  // kAuto: see TakesColor()

struct StderrConfig {
  bool enabled = true;
  LineFormat format = LineFormat::kText;
  ColorMode color = ColorMode::kAuto;
  SinkFilter filter;
};

struct OtlpConfig {
  bool enabled = false;              // true as soon as an endpoint is set and `otlp.enabled` is not
  std::string endpoint;              // OTEL_EXPORTER_OTLP_ENDPOINT's syntax, or `unix:///path`
  std::vector<std::string> headers;  // `key=value`
  std::string ca_file;               // empty: the system's
  std::string client_cert_file;
  std::string client_key_file;
  bool gzip = false;
  std::chrono::milliseconds timeout{10'000};  // of one export call
  uint32_t batch_records = 512;
  SinkFilter filter;
};

// Caps that a site may lower or raise; what both sides of the protocol share is fixed in
// proto/record/limits.h.
struct LimitsConfig {
  uint32_t connections_per_uid = 64;
  uint64_t memory = 128 * kMiB;  // bytes of unfinished messages, of all users
};

struct AgentConfig {
  SocketConfig socket;
  RuntimeConfig runtime;
  JournalConfig journal;
  KvpConfig kvp;
  LogConfig log;
  StderrConfig stderr_sink;
  OtlpConfig otlp;
  LimitsConfig limits;
  // For every sink's filter: the section `[filter]`.
  filter::FilterOptions filter_options;
};

}  // namespace sluice::config
