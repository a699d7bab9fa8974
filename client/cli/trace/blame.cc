#include "client/cli/trace/blame.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "client/cli/trace/timing.h"

namespace sluice::cli {
namespace {

std::vector<BlameRow> Joined(const Trace& trace, const std::vector<BlameRow>& rows) {
  std::vector<BlameRow> joined;
  std::map<std::pair<std::string_view, std::string_view>, size_t> places;  // by name and service
  std::vector<uint64_t> most;  // time of its own of each row's span
  for (const BlameRow& row : rows) {
    const TraceSpan& span = trace.spans[row.span];
    const auto [place, is_new] =
        places.emplace(std::pair(span.name, span.sender->service_name), joined.size());
    if (is_new) {
      joined.push_back(row);
      most.push_back(row.self);
      continue;
    }
    BlameRow& all = joined[place->second];
    ++all.count;
    all.self += row.self;
    all.total += row.total;
    all.is_open |= row.is_open;
    if (row.self <= most[place->second]) continue;
    most[place->second] = row.self;
    all.span = row.span;
  }
  return joined;
}

}  // namespace

Blame BlameOf(const Trace& trace, bool by_name, uint64_t now_unix_nano) {
  Blame blame;
  for (uint32_t i = 0; i < trace.spans.size(); ++i) {
    const TraceSpan& span = trace.spans[i];
    const auto self = SelfTime(trace, span, now_unix_nano);
    if (!self) {
      ++blame.without_times;
      continue;
    }
    blame.rows.push_back({.span = i,
                          .self = *self,
                          .total = IntervalOf(span, now_unix_nano)->length(),
                          .is_open = span.state == TraceSpan::State::kOpen});
  }
  if (by_name) blame.rows = Joined(trace, blame.rows);
  std::ranges::stable_sort(blame.rows, std::ranges::greater(), &BlameRow::self);
  return blame;
}

}  // namespace sluice::cli
