#include "agent/ingest/report_gate.h"

#include "absl/strings/str_cat.h"
#include "agent/identity/surroundings.h"

namespace sluice::ingest {

ReportGate::Verdict ReportGate::JudgeEdit(const Identity& caller) {
  if (caller.uid != 0) {
    return {"not_root", absl::PermissionDeniedError(
                            absl::StrCat("only root may write it, and this is uid ", caller.uid))};
  }
  if (const std::string sign = net::ContainerSign(caller); !sign.empty()) {
    return {"container",
            absl::PermissionDeniedError(absl::StrCat(
                "only root of the host may write it, and process ", caller.pid, " is ", sign))};
  }
  return {};
}

ReportGate::Verdict ReportGate::Judge(const Identity& caller) const {
  Verdict verdict = JudgeEdit(caller);
  if (verdict.ok() && !off_.empty()) return {"off", absl::FailedPreconditionError(off_)};
  return verdict;
}

}  // namespace sluice::ingest
