// The only way into the journal: judges every record of a batch, mends or drops it alone, tells
// what was sent twice, keeps the open-span table, and appends what is left.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/clock.h"
#include "agent/ingest/abort_times.h"
#include "agent/ingest/client_registry.h"
#include "agent/ingest/loss_table.h"
#include "agent/ingest/redactor.h"
#include "agent/journal/journal.h"
#include "agent/live/candidate.h"
#include "agent/live/span_table.h"
#include "agent/self/counters.h"
#include "proto/record/limits.h"

namespace sluice::ingest {

// Whose batch it is.
struct Sender {
  std::shared_ptr<const live::Origin> origin;
  // Absent: records are not told from re-sent ones.
  std::optional<ClientId> client_id;
  // It is root of this host, outside containers.
  bool is_host_root = false;
  // Why the owner of its spans is none; then nothing of it is taken that is not there already.
  absl::Status owner_fault = absl::OkStatus();
};

// What became of a batch.
struct Admitted {
  // The journal entry to wait for before acknowledging: everything of the batch is in it or before.
  uint64_t journal_sequence = 0;
  // The client's last number that is settled now; 0 without a client id.
  uint64_t last_sequence = 0;
  // Records of this batch in the journal, those of an earlier identical one included.
  uint64_t accepted = 0;
  // Its process has to be watched, since spans of it are open.
  bool opened_spans = false;
  // Reason to count.
  std::map<std::string, uint64_t, std::less<>> drops;
  // What the client says that it lost; empty: nothing.
  LossTotals client_losses;
};

// What admission knows of the world outside one batch. It is saved in the journal's checkpoints and
// filled from there when the agent starts (recovery.h).
struct AdmissionState {
  ClientRegistry clients;
  live::SpanTable spans;
};

// Owned by the ingest thread. A batch is taken whole or, when the journal refuses, not at all.
class Admission {
 public:
  // Whether the journal or any sink wants a record. Asked of all but a span's UPDATE and END, which
  // go where its START went.
  using WantedFn = std::function<bool(const live::Candidate&)>;

  // What is pointed to outlives the admission.
  Admission(AdmissionState* state, journal::Journal* journal, const Clock* clock,
            Counters* counters);
  ~Admission();

  void set_wanted(WantedFn wanted) { wanted_ = std::move(wanted); }

  // What is taken out of every record before the journal; null: nothing is.
  void set_redactor(std::shared_ptr<const Redactor> redactor) { redactor_ = std::move(redactor); }
  const Redactor* redactor() const { return redactor_.get(); }
  std::shared_ptr<const Redactor> shared_redactor() const { return redactor_; }
  // A sender's resource without it, counted for the sender.
  std::string RedactResource(std::string resource, uid_t uid) const;

  // Who is behind the journal and has to know what comes. Who does not ask leaves a function empty.
  struct Behind {
    // Asked before a user's batch is looked at; what it says is the batch's end.
    std::function<absl::Status(uid_t)> check;
    // The same of an entry that is about to go to the journal.
    std::function<absl::Status(uid_t, uint64_t records, uint64_t bytes)> check_entry;
    // The journal took an entry of a user's, of so many records and bytes.
    std::function<void(uint64_t sequence, uid_t, uint64_t records, uint64_t bytes)> took;
  };
  void set_behind(Behind behind) { behind_ = std::move(behind); }

  // A batch that is looked at in slices (pending_batch.h).
  class PendingBatch;

  // An encoded sluice.v1.Batch, in one go. INVALID_ARGUMENT: not a batch. UNAVAILABLE and
  // RESOURCE_EXHAUSTED: nothing was taken, try again after the status's retry time
  // (agent/base/retry_after.h).
  absl::StatusOr<Admitted> Admit(const Sender& sender, std::string_view batch,
                                 journal::Urgency urgency);

  // For what comes as OTLP, in whole spans and events, which change no open spans (otlp/).
  //
  // An entry of it: items of one resource, in their scopes.
  struct ScopesEntry {
    const live::Origin* origin = nullptr;
    bool sender_is_host_root = false;
    std::string_view resource_schema_url;
    std::string_view resource_rest;
    uint64_t items = 0;
    // Encoded fields of a JournalBatch.
    absl::Span<const std::string_view> scopes;
    // As Journal::Append; without an owner all of it is copied.
    journal::Lender lender;
  };
  // Where the user's requests are not to be looked at, why: as Admit.
  absl::Status CheckBehind(uid_t uid) const;
  // Empty: everything is wanted.
  const WantedFn& wanted() const { return wanted_; }
  // The journal entry. As Admit.
  absl::StatusOr<uint64_t> AppendScopes(const ScopesEntry& entry, journal::Urgency urgency);

  // When the spans of an origin ended, for those that are closed as aborted.
  void set_life_end(LifeEndFn life_end) { life_end_ = std::move(life_end); }

  // Closes the open spans that `selects` picks, as aborted for `cause`: one entry per process,
  // under its identity. False: the journal refused, some are still open, call again.
  enum class Boot { kThis, kEarlier };
  bool CloseAborted(const std::function<bool(const live::Span&)>& selects, std::string_view cause,
                    Boot boot = Boot::kThis);

  // Ends the spans whose owner `selects` picks, closes them as CloseAborted does,
  // and forgets the dropped ones.
  bool EndOwned(const std::function<bool(uid_t uid, const SpanOwner&)>& selects,
                std::string_view cause);

  // Forgets the dropped spans of a process that is gone and sent them, but for those that have an
  // owner.
  void ForgetDropped(pid_t pid, uint64_t start_time_ticks);

  ClientRegistry& clients() { return state_->clients; }
  const live::SpanTable& spans() const { return state_->spans; }
  // To be called again when the journal's limit changes.
  void FitSpansToJournal();

 private:
  class BatchPass;

  journal::BatchHead HeadOf(const live::Origin& origin) const;
  void Count(const BatchPass& pass, uid_t uid);
  // What is under way of the uid was judged by what is not so any more.
  void SpansChange(uid_t uid);
  void RemoveDroppedIf(
      const std::function<bool(const live::SpanKey&, const live::SpanTable::Dropped&)>& selects);
  // What the batch opens, changes, ends and drops, once it is journalled under `head`.
  void ApplySpanChanges(const BatchPass& pass, const Sender& sender,
                        const journal::BatchHead& head);
  // Encoded ENDs, by whose they are.
  using AbortedEnds =
      absl::flat_hash_map<std::shared_ptr<const live::Origin>, std::vector<std::string>>;
  AbortedEnds EncodeAbortedEnds(const std::function<bool(const live::Span&)>& selects,
                                std::string_view cause, Boot boot);
  bool AppendAborted(const live::Origin& origin, const std::string& records, Boot boot);
  // Appends it, unless it is too much for who is behind the journal, and tells them.
  absl::StatusOr<uint64_t> Append(uid_t uid, uint64_t records,
                                  absl::Span<const std::string_view> payload,
                                  journal::Urgency urgency, const journal::Lender& lender = {});

  AdmissionState* const state_;
  journal::Journal* const journal_;
  const Clock* const clock_;
  UnixTimes unix_times_{clock_};
  Counters* const counters_;
  WantedFn wanted_;
  std::shared_ptr<const Redactor> redactor_;
  std::vector<PendingBatch*> pending_;  // those that took more than a slice
  Behind behind_;
  LifeEndFn life_end_;
};

}  // namespace sluice::ingest
