// Admission's state to and from the journal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/identity/process_watch.h"
#include "agent/ingest/admission.h"
#include "agent/journal/journal.h"

namespace sluice::ingest {

// Rebuilds the state while the journal opens.
class Recovery final : public journal::RecoveryVisitor {
 public:
  // Both outlive the recovery.
  Recovery(AdmissionState* state, std::string boot_id)
      : state_(state), boot_id_(std::move(boot_id)) {}

  void OnCheckpoint(std::string_view checkpoint) override;
  void OnEntry(const journal::Entry& entry) override;

  // The spans that are open now belong to an earlier boot. Its clients are forgotten: their
  // processes cannot come back.
  bool rebooted() const { return rebooted_; }

  // CLOCK_BOOTTIME of the last entry of each process, as far as entries were read.
  using LastEntries = std::map<net::ProcessKey, uint64_t>;
  const LastEntries& last_entries() const { return last_entries_; }

 private:
  AdmissionState* const state_;
  const std::string boot_id_;
  bool rebooted_ = false;
  LastEntries last_entries_;
};

// An encoded sluice.disk.v1.Checkpoint without cursors.
std::string EncodeCheckpoint(const AdmissionState& state, const std::string& boot_id);

}  // namespace sluice::ingest
