// A delivery as log lines: what the file and the stderr sink have in common.
#pragma once

#include <string>

#include "agent/sinks/log/line_format.h"
#include "agent/sinks/sink.h"

namespace sluice::log_sink {

// Owned by one thread.
class LineBuilder {
 public:
  explicit LineBuilder(const LineOptions& options) : format_(options) {}

  // Appends one line.
  void Append(const sinks::Delivery& delivery, std::string* lines) const;

 private:
  LineFormat format_;
};

}  // namespace sluice::log_sink
