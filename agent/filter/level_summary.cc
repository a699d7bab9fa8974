#include "agent/filter/level_summary.h"

#include <algorithm>

namespace sluice::filter {
namespace {

LevelFilter LongestPrefix(const std::vector<LevelSummary::Target>& targets, std::string_view target,
                          LevelFilter otherwise) {
  size_t longest = 0;
  LevelFilter level = otherwise;
  for (const LevelSummary::Target& entry : targets) {
    if (!target.starts_with(entry.prefix) || entry.prefix.size() < longest) continue;
    longest = entry.prefix.size();
    level = entry.level;
  }
  return level;
}

}  // namespace

LevelFilter LevelSummary::LevelOfLongestPrefix(std::string_view target) const {
  return LongestPrefix(targets, target, otherwise);
}

void LevelSummary::Normalize() {
  std::stable_sort(targets.begin(), targets.end(),
                   [](const Target& a, const Target& b) { return a.prefix < b.prefix; });
  const auto same = [](const Target& a, const Target& b) { return a.prefix == b.prefix; };
  targets.erase(std::unique(targets.begin(), targets.end(), same), targets.end());
  if (!targets.empty() && targets.front().prefix.empty()) {
    otherwise = targets.front().level;
    targets.erase(targets.begin());
  }
  // A prefix sorts before everything it is a prefix of.
  std::vector<Target> kept;
  for (Target& entry : targets) {
    if (LongestPrefix(kept, entry.prefix, otherwise) != entry.level)
      kept.push_back(std::move(entry));
  }
  targets = std::move(kept);
}

LevelSummary MaxOf(std::span<const LevelSummary> summaries) {
  const auto highest = [summaries](std::string_view target) {
    LevelFilter level = LevelFilter::kOff;
    for (const LevelSummary& summary : summaries) level = std::max(level, summary.LevelFor(target));
    return level;
  };
  LevelSummary result;
  result.otherwise = highest("");
  for (const LevelSummary& summary : summaries) {
    for (const auto& entry : summary.targets) {
      result.targets.push_back({entry.prefix, highest(entry.prefix)});
    }
  }
  result.Normalize();
  return result;
}

}  // namespace sluice::filter
