// `COMMAND | sluice event --lines`: each line of stdin becomes an event.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/emit/one_shot.h"
#include "client/cli/emit/record_encoder.h"

namespace sluice::cli {

// Cuts a stream into lines: without what ends them, empty ones left out, long ones in pieces of at
// most kLineBytes.
class LineCutter {
 public:
  static constexpr size_t kLineBytes = 32 * 1024;

  // The lines that are complete with `bytes`; valid until the next call.
  std::vector<std::string_view> Add(std::string_view bytes);
  // The last one, which nothing ended; empty: none.
  std::string_view Rest() const;

 private:
  std::string held_;
  size_t taken_ = 0;  // of held_, by lines that were told
};

// Reads `fd` to its end; each line is the message of an event like `pattern`. An agent that does
// not answer holds the stream back for no longer than kEmitTimeout a second; what it does not take
// waits in at most 1 MiB, and is counted in a note where that is too little. Returns the exit code.
int EmitLines(const GlobalOptions& options, const OneShotFlags& flags, const Event& pattern,
              int fd);

}  // namespace sluice::cli
