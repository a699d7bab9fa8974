// Finds traces for the views: lists them, and tells which one is meant.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "agent/control/streamed_answer.h"
#include "agent/journal/journal.h"
#include "sluice/v1/query.pb.h"

namespace sluice::control {

// A producer of encoded TracesResponses. `only_uid`: nobody else's records are looked at. Open
// traces last until `now_unix_nano`. `journal` outlives the producer.
absl::StatusOr<Producer> QueryTraces(journal::Journal* journal, const v1::TracesRequest& request,
                                     std::optional<uid_t> only_uid, uint64_t now_unix_nano);

// One trace, and the journal entries between which its records lie.
struct SelectedTrace {
  TraceId id;
  uint64_t first_sequence = 0;
  uint64_t first_offset = 0;  // of that entry, for journal::Reader::StartAt; 0: not known
  uint64_t last_sequence = UINT64_MAX;
};

// INVALID_ARGUMENT: it selects nothing that could be. NOT_FOUND, and FAILED_PRECONDITION where
// several traces are meant, say what was looked for.
absl::StatusOr<SelectedTrace> SelectTrace(journal::Journal* journal,
                                          const v1::TraceSelector& selector,
                                          std::optional<uid_t> only_uid, AnswerStream* stream);

}  // namespace sluice::control
