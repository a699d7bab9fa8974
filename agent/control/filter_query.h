// Answers what people ask about filters: is a text sound, and which directive decides for a record.
//
// Anybody may ask, so the work is bounded and none of it is done on the loop's thread: a filter's
// patterns take memory and time. One person's filter is tried at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/control/streamed_answer.h"
#include "agent/filter/filter.h"
#include "agent/filter/level_summary.h"
#include "agent/filter/target_levels.h"
#include "agent/live/span_table.h"
#include "sluice/v1/filter.pb.h"

namespace sluice::control {

// What judges records now.
struct FiltersInForce {
  struct OfSink {
    std::string sink;
    bool enabled = false;
    std::shared_ptr<const filter::Filter> filter;
    filter::Routes routes;  // empty where they do not decide
  };
  std::vector<OfSink> sinks;
  // Of a filter that somebody tries.
  filter::FilterOptions options;
  filter::LevelFilter journal_level = filter::LevelFilter::kOff;
  // What is journalled: the maximum of all these.
  filter::LevelSummary wanted;
};

// Sends one encoded CheckFilterResponse.
absl::Status CheckFilter(const v1::CheckFilterRequest& request,
                         const filter::FilterOptions& options, AnswerStream& stream);

// Sends one encoded ExplainResponse. `spans` are those open at the end of the journal, and are
// copied on the loop's thread; the record is taken for one of `uid`. INVALID_ARGUMENT: the record
// could not be emitted either. RESOURCE_EXHAUSTED: too many spans around it, or too large ones.
absl::Status Explain(const v1::ExplainRequest& request, const FiltersInForce& in_force,
                     const live::SpanTable& spans, uid_t uid, AnswerStream& stream);

}  // namespace sluice::control
