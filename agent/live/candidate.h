// A record on its way into the journal, for those who are asked whether they want it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/live/span.h"
#include "proto/record/check.h"

namespace sluice::live {

// Counter and reason to count.
using Counts = std::map<std::pair<std::string, std::string>, uint64_t>;

// Lives for one call. What is pointed to outlives it.
struct Candidate {
  // It passed CheckRecord, and has its flaws still.
  const RecordView* record = nullptr;
  // RecordVerdict::key_sizes.
  uint64_t key_sizes = 0;
  const Origin* origin = nullptr;
  // Root of this host, outside containers (agent/identity/host_root.h).
  bool sender_is_host_root = false;
  // What is to be counted for the sender, once the journal has taken the batch.
  Counts* counts = nullptr;

  // As filters see it: a whole span has an end, which counts as an error where the span failed.
  Level level() const {
    const bool failed =
        record->kind == RecordKind::kSpan && record->span.status == StatusCode::kError;
    return failed ? Level::kError : record->level;
  }
  // False: it has no attribute of that key.
  bool MayHaveAttribute(std::string_view key) const { return (key_sizes & KeySizeBit(key)) != 0; }
  void Count(std::string_view counter, std::string_view reason) const {
    ++(*counts)[{std::string(counter), std::string(reason)}];
  }
};

}  // namespace sluice::live
