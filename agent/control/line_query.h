// Reads the journal as the log file's lines, for `sluice tail`: from a cursor or for the newest so
// many, to the end of what there is or on as the journal grows.
#pragma once

#include <sys/types.h>

#include <optional>

#include "absl/status/statusor.h"
#include "agent/control/streamed_answer.h"
#include "agent/journal/journal.h"
#include "sluice/v1/query.pb.h"

namespace sluice::control {

// A producer of encoded LinesResponses. It reads at the pace of its peer, holds one message and the
// spans open at its place, and sleeps while there is nothing to show. `only_uid`: nobody else's
// records are shown, nor the spans around them. `journal` outlives the producer.
absl::StatusOr<Producer> QueryLines(journal::Journal* journal, const v1::LinesRequest& request,
                                    std::optional<uid_t> only_uid);

}  // namespace sluice::control
