// The lines of a sink, within what a uid's may be beside what came from it (lines::LineBudget), and
// the count of those that are not.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "agent/lines/builder.h"
#include "agent/lines/line_budget.h"
#include "agent/self/counters.h"

namespace sluice::log_sink {

// How often something happened to each user since it was told. Counters is for what is rare.
class UserCount {
 public:
  void Add(uid_t uid) { ++counts_[uid]; }
  void MoveTo(Counters* counters, absl::string_view name, absl::string_view reason);

 private:
  absl::flat_hash_map<uid_t, uint64_t> counts_;
};

// Owned by one thread.
class FairLines {
 public:
  // Counted under the name of the sink. `counters` outlives this.
  FairLines(const lines::LineOptions& options, std::string sink, Counters* counters);

  // Appends the delivery's line, if it gets one, and returns its length.
  size_t Append(const stream::Delivery& delivery, std::string* lines);
  // `log.shortened` and `log.withheld`; to be called for each batch.
  void Count();

 private:
  lines::LineBuilder builder_;
  lines::LineBudget budget_;
  const std::string sink_;
  Counters* const counters_;
  UserCount shortened_;
  UserCount withheld_;
};

}  // namespace sluice::log_sink
