// A delivery as a line: what the log file, the stderr sink and `sluice tail` have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/lines/format.h"
#include "agent/lines/line_budget.h"
#include "agent/live/span.h"
#include "agent/stream/delivery.h"

namespace sluice::lines {

// Owned by one thread.
class LineBuilder {
 public:
  explicit LineBuilder(const LineOptions& options);

  // Appends one line. What it repeats of the spans around the record is within
  // LineOptions::max_scope, or in a short line within 128 bytes. A span's own lines have its name
  // and all of its fields besides, but for a short one of its end.
  void Append(const stream::Delivery& delivery, std::string* lines,
              LineForm form = LineForm::kWhole);

 private:
  std::string_view ServiceOf(const stream::Delivery& delivery);

  const LineFormat format_;
  const size_t max_scope_;
  const bool shows_service_;
  // Of the entry that has this sequence, whose deliveries all have the same.
  std::optional<uint64_t> service_sequence_;
  std::string service_;
};

}  // namespace sluice::lines
