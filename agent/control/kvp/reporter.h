// Control.Report: the provisioning report, from what a caller says of it to a record that is in the
// pool file and synced. On its way it is an event in the journal like any other, so that the log
// and the views have it too; it does not wait for what other users sent (agent/sinks/root_ahead.h).
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/control/flush.h"
#include "agent/ingest/admission.h"
#include "agent/self/counters.h"
#include "proto/kvp/report.h"
#include "sluice/v1/pool.pb.h"

namespace sluice::control {

// Owned by the loop's thread. What is pointed to outlives it.
class Reporter {
 public:
  struct Options {
    ingest::Admission* admission = nullptr;
    // Why no report is written, for the caller; empty: it is.
    std::string off;
    FlushCoordinator* flush = nullptr;
    Counters* counters = nullptr;
    const Clock* clock = nullptr;
    ReportDialect dialect = ReportDialect::kAzureInit;
    // The VM's; kNoVmId: not known, a caller has to name it.
    std::string vm_id;
  };
  using Done = std::function<void(const absl::StatusOr<v1::ReportResponse>&)>;

  explicit Reporter(Options options) : options_(std::move(options)) {}

  // Calls `done` once, at once or in a turn after this one. UNAVAILABLE: it is not in the pool, or
  // not yet; the message says which.
  void Report(const Identity& caller, const v1::ReportRequest& request, Done done);

 private:
  absl::StatusOr<std::string> Encode(const v1::ReportRequest& request) const;
  // Into the journal, as the entry of the number returned.
  absl::StatusOr<uint64_t> Admit(const Identity& caller, const v1::ReportRequest& request,
                                 const std::string& report);

  const Options options_;
};

}  // namespace sluice::control
