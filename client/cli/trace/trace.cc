#include "client/cli/trace/trace.h"

#include <algorithm>

namespace sluice::cli {

std::optional<uint64_t> TraceSpan::Duration() const {
  if (start_unix_nano == 0 || end_unix_nano == 0 || EndsBeforeStart()) return std::nullopt;
  return end_unix_nano - start_unix_nano;
}

const TraceSpan* Trace::FirstRoot() const {
  for (const TraceItem& item : Roots()) {
    if (item.kind == TraceItem::Kind::kSpan) return &spans[item.index];
  }
  return nullptr;
}

std::vector<size_t> Trace::AncestorsOf(size_t span) const {
  std::vector<size_t> ancestors;
  for (auto up = spans[span].parent; up; up = spans[*up].parent) ancestors.push_back(*up);
  std::ranges::reverse(ancestors);
  return ancestors;
}

}  // namespace sluice::cli
