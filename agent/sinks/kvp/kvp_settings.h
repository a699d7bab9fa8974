// What can be configured of the KVP pool: the sections `[kvp]` and, for azure-init's sake,
// `telemetry.kvp_diagnostics`.
#pragma once

#include <string>
#include <vector>

#include "agent/config/sink_section.h"
#include "proto/kvp/key.h"
#include "proto/kvp/report.h"

namespace sluice::kvp {

// azure-init's list; in force where nothing else is said.
extern const char kDefaultFilter[];

struct KvpSettings {
  std::string path = "/var/lib/hyperv/.kvp_pool_1";
  std::string prefix;                // default: `sluice-VERSION`
  std::vector<std::string> trusted;  // user names or numbers, beside root, that may set the prefix
  std::string vm_id;                 // empty: from DMI
  // kStrict: azure-init's bytes exactly, its cut characters and unmarked overflow included.
  Profile profile = Profile::kSafe;
  ReportDialect report_dialect = ReportDialect::kAzureInit;
  // False stops the records and the provisioning report, whose senders are told so.
  bool diagnostics = true;
};

config::SinkSection KvpSection();

}  // namespace sluice::kvp
