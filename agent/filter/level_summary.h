// What a reader of records may want at most, by target: the input of the clients' level hints
// (sluice.v1.Hint).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/filter/level_filter.h"

namespace sluice::filter {

// The longest listed prefix of a target's text decides; where none fits, `otherwise`. An upper
// bound: a record above it is wanted by nobody, one below it may still be refused by the filter.
struct LevelSummary {
  struct Target {
    std::string prefix;
    LevelFilter level = LevelFilter::kOff;
    bool operator==(const Target&) const = default;
  };

  LevelFilter otherwise = LevelFilter::kOff;
  std::vector<Target> targets;  // sorted by prefix, without repetition

  LevelFilter LevelFor(std::string_view target) const {
    return targets.empty() ? otherwise : LevelOfLongestPrefix(target);
  }
  // Sorts, and removes entries that change nothing.
  void Normalize();
  bool operator==(const LevelSummary&) const = default;

 private:
  LevelFilter LevelOfLongestPrefix(std::string_view target) const;
};

// What at least one of them wants.
LevelSummary MaxOf(std::span<const LevelSummary> summaries);

}  // namespace sluice::filter
