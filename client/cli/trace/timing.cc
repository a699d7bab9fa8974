#include "client/cli/trace/timing.h"

#include <algorithm>
#include <vector>

namespace sluice::cli {

std::optional<Interval> IntervalOf(const TraceSpan& span, uint64_t now_unix_nano) {
  const uint64_t begin = span.start_unix_nano;
  const uint64_t end = span.state == TraceSpan::State::kOpen ? now_unix_nano : span.end_unix_nano;
  if (begin == 0 || end == 0 || end < begin) return std::nullopt;
  return Interval{begin, end};
}

std::optional<Interval> Overlap(const Interval& inner, const Interval& outer) {
  const Interval shared{std::max(inner.begin, outer.begin), std::min(inner.end, outer.end)};
  if (shared.end <= shared.begin) return std::nullopt;
  return shared;
}

std::optional<Interval> IntervalOf(const Trace& trace, uint64_t now_unix_nano) {
  std::optional<Interval> all;
  for (const TraceSpan& span : trace.spans) {
    const auto interval = IntervalOf(span, now_unix_nano);
    if (!interval) continue;
    if (!all) all = interval;
    all->begin = std::min(all->begin, interval->begin);
    all->end = std::max(all->end, interval->end);
  }
  return all;
}

std::optional<uint64_t> SelfTime(const Trace& trace, const TraceSpan& span,
                                 uint64_t now_unix_nano) {
  const auto own = IntervalOf(span, now_unix_nano);
  if (!own) return std::nullopt;
  std::vector<Interval> children;
  for (const TraceItem& item : trace.ItemsIn(span)) {
    if (item.kind != TraceItem::Kind::kSpan) continue;
    const auto child = IntervalOf(trace.spans[item.index], now_unix_nano);
    if (!child) continue;
    if (const auto within = Overlap(*child, *own)) children.push_back(*within);
  }
  std::ranges::sort(children, {}, &Interval::begin);
  uint64_t self = own->length();
  uint64_t covered_until = own->begin;
  for (const Interval& child : children) {
    const uint64_t begin = std::max(child.begin, covered_until);
    if (child.end <= begin) continue;
    self -= child.end - begin;
    covered_until = child.end;
  }
  return self;
}

}  // namespace sluice::cli
