// How an export to a destination fares, for status.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sluice::sinks {

struct ExportStatus {
  struct Signal {
    std::string name;
    uint64_t sent = 0;                        // records that the destination has
    uint64_t rejected = 0;                    // of those, what it then said it had dropped
    std::map<std::string, uint64_t> dropped;  // by why: records that were not sent, or not taken
    bool is_off = false;                      // the destination does not take it
  };

  std::vector<Signal> signals;
  uint64_t max_request_bytes = 0;  // as configured, or as learned from the destination
  std::string last_message;        // of the destination, when it last was not content
  uint64_t last_message_unix_nano = 0;
};

}  // namespace sluice::sinks
