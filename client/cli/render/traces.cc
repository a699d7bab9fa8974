#include "client/cli/render/traces.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "client/cli/render/table.h"
#include "client/cli/render/value.h"

namespace sluice::cli {
namespace {

constexpr size_t kShortestId = 8;

enum Column {
  kId,
  kStart,
  kDuration,
  kRoot,
  kService,
  kUser,
  kUnit,
  kSpans,
  kErrors,
  kAborted,
  kOpen,
  kColumns
};

constexpr std::array<std::string_view, kColumns> kHeadings = {
    "TRACE", "START", "DURATION", "ROOT",    "SERVICE", "USER",
    "UNIT",  "SPANS", "ERRORS",   "ABORTED", "OPEN"};

// The length from which on all ids differ.
size_t IdLength(const v1::TracesResponse& traces) {
  std::vector<std::string> ids;
  for (const auto& trace : traces.traces()) ids.push_back(ToHex(trace.trace_id()));
  std::ranges::sort(ids);
  size_t length = kShortestId;
  for (size_t i = 1; i < ids.size(); ++i) {
    const auto differ = std::ranges::mismatch(ids[i - 1], ids[i]).in1 - ids[i - 1].begin();
    length = std::max(length, static_cast<size_t>(differ) + 1);
  }
  return length;
}

// `2026-11-20 09:27:53`
std::string Start(uint64_t unix_nano) {
  std::string time = FormatTime(unix_nano);
  if (unix_nano == 0) return time;
  time[time.find('T')] = ' ';
  return time.substr(0, time.find('.'));
}

std::string CountOrNothing(uint64_t count) { return count == 0 ? "" : std::to_string(count); }

std::string Duration(const v1::TraceSummary& trace) {
  if (trace.open() > 0) return "open";
  return trace.duration_nano() == 0 ? "-" : FormatDuration(trace.duration_nano());
}

}  // namespace

std::string RenderTraces(const v1::TracesResponse& traces, const TextStyle& style,
                         const std::function<std::string(uint32_t uid)>& user_name) {
  const size_t id_length = IdLength(traces);
  std::map<uint32_t, std::string> users;
  std::vector<std::vector<std::string>> rows;
  std::array<bool, kColumns> is_used{};
  for (const v1::TraceSummary& trace : traces.traces()) {
    std::string& user = users[trace.identity().uid()];
    if (user.empty()) user = user_name(trace.identity().uid());
    rows.push_back({ToHex(trace.trace_id()).substr(0, id_length), Start(trace.start_unix_nano()),
                    Duration(trace), trace.root_name().empty() ? "(no name)" : trace.root_name(),
                    trace.service_name(), user, trace.identity().unit(),
                    std::to_string(trace.spans()), CountOrNothing(trace.errors()),
                    CountOrNothing(trace.aborted()), CountOrNothing(trace.open())});
    for (size_t i = 0; i < kColumns; ++i) is_used[i] |= !rows.back()[i].empty();
  }
  rows.insert(rows.begin(), {kHeadings.begin(), kHeadings.end()});
  Table table("");
  for (const std::vector<std::string>& row : rows) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < kColumns; ++i) {
      if (is_used[i]) cells.push_back(row[i]);
    }
    table.Row(std::move(cells));
  }
  std::vector<size_t> shrinkable;
  for (size_t i = 0, shown = 0; i < kColumns; ++i) {
    if (!is_used[i]) continue;
    if (i == kRoot || i == kService || i == kUser || i == kUnit) shrinkable.push_back(shown);
    ++shown;
  }
  return table.RenderWithin(style, shrinkable);
}

}  // namespace sluice::cli
