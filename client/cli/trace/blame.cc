#include "client/cli/trace/blame.h"

#include <algorithm>
#include <map>
#include <utility>

#include "client/cli/trace/timing.h"

namespace sluice::cli {
namespace {

BlameRow RowOf(const TraceSpan& span, size_t index, uint64_t self, uint64_t total) {
  return {.name = span.span.name(),
          .service_name = span.sender.service_name,
          .span = index,
          .self = self,
          .total = total,
          .is_open = span.state == TraceSpan::State::kOpen};
}

std::vector<BlameRow> Joined(const std::vector<BlameRow>& rows) {
  std::vector<BlameRow> joined;
  std::map<std::pair<std::string, std::string>, size_t> places;
  std::vector<uint64_t> most;  // time of its own of each row's span
  for (const BlameRow& row : rows) {
    const auto [place, is_new] =
        places.emplace(std::pair(row.name, row.service_name), joined.size());
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
  for (size_t i = 0; i < trace.spans.size(); ++i) {
    const auto self = SelfTime(trace, i, now_unix_nano);
    if (!self) {
      ++blame.without_times;
      continue;
    }
    const uint64_t total = IntervalOf(trace.spans[i], now_unix_nano)->length();
    blame.rows.push_back(RowOf(trace.spans[i], i, *self, total));
  }
  if (by_name) blame.rows = Joined(blame.rows);
  std::ranges::stable_sort(blame.rows, std::ranges::greater(), &BlameRow::self);
  return blame;
}

}  // namespace sluice::cli
