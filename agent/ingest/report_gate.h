// Who may write the provisioning report and change the pool: root of this host, outside containers,
// judged at the moment of the call. The host and Azure act on the report. Where the sink is
// switched off, it is the report that stops; the pool stays root's to change.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "agent/identity/identity.h"

namespace sluice::ingest {

class ReportGate {
 public:
  // `off`: why no report is written, for the caller; empty: it is.
  explicit ReportGate(std::string off) : off_(std::move(off)) {}

  // A refusal has a word for counters and a status for the caller: PERMISSION_DENIED, or
  // FAILED_PRECONDITION where the report is off.
  struct Verdict {
    std::string reason;  // `not_root`, `container`, `off`; empty: the caller may
    absl::Status status;

    bool ok() const { return reason.empty(); }
  };
  // Of the report.
  Verdict Judge(const Identity& caller) const;
  // Of changes of the pool.
  static Verdict JudgeEdit(const Identity& caller);

 private:
  const std::string off_;
};

}  // namespace sluice::ingest
