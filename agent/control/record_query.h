// Reads records back out of the journal, for the views.
#pragma once

#include <sys/types.h>

#include <optional>

#include "absl/status/statusor.h"
#include "agent/control/streamed_answer.h"
#include "agent/journal/journal.h"
#include "sluice/v1/query.pb.h"

namespace sluice::control {

// A producer of encoded RecordsResponses. `only_uid`: nobody else's records are shown. `journal`
// outlives the producer.
absl::StatusOr<Producer> QueryRecords(journal::Journal* journal, const v1::RecordsRequest& request,
                                      std::optional<uid_t> only_uid);

}  // namespace sluice::control
