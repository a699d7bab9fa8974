// A delivery as log lines: what the file and the stderr sink have in common.
#pragma once

#include <string>
#include <string_view>

#include "agent/lines/format.h"
#include "agent/live/span.h"
#include "agent/stream/delivery.h"

namespace sluice::lines {

// Owned by one thread.
class LineBuilder {
 public:
  explicit LineBuilder(const LineOptions& options) : format_(options) {}

  // Appends one line. What it repeats of the spans around the record is at most 16 KiB; a name or
  // the fields of a span that do not fit are left out for `...`.
  void Append(const stream::Delivery& delivery, std::string* lines) const;

 private:
  struct ShownSpan {
    std::string_view name;
    std::string fields;
  };
  // Takes what it shows from `*room`.
  ShownSpan Show(const live::Span& span, size_t* room) const;

  LineFormat format_;
};

}  // namespace sluice::lines
