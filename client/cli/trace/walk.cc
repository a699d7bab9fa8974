#include "client/cli/trace/walk.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace sluice::cli {
namespace {

bool WentWell(const TraceSpan& span) {
  return span.state == TraceSpan::State::kEnded &&
         span.span.status().code() != otlp::v1::Status::STATUS_CODE_ERROR;
}

class Walk {
 public:
  Walk(const Trace& trace, const TreeLimits& limits) : trace_(trace), limits_(limits) {
    FindShown();
  }

  std::vector<TreeRow> Rows() const;

 private:
  void FindShown();
  bool IsShown(const TraceItem& item) const;
  bool IsJoined(const TraceItem& item) const;
  std::vector<TreeRow> Siblings(const std::vector<TraceItem>& items, size_t depth,
                                const TraceSpan* parent) const;
  void Join(std::vector<TreeRow>* siblings) const;

  const Trace& trace_;
  const TreeLimits& limits_;
  std::vector<bool> is_shown_;  // spans
};

// A span that is long enough, or leads to one that is.
void Walk::FindShown() {
  is_shown_.assign(trace_.spans.size(), true);
  if (limits_.min_nano == 0) return;
  // Parents come before their children, so that backwards children come first.
  std::vector<TraceItem> in_order = trace_.roots;
  for (size_t next = 0; next < in_order.size(); ++next) {
    if (in_order[next].kind != TraceItem::Kind::kSpan) continue;
    const std::vector<TraceItem>& children = trace_.children[in_order[next].index];
    in_order.insert(in_order.end(), children.begin(), children.end());
  }
  for (auto item = in_order.rbegin(); item != in_order.rend(); ++item) {
    if (item->kind != TraceItem::Kind::kSpan) continue;
    const TraceSpan& span = trace_.spans[item->index];
    const auto duration = span.Duration();
    is_shown_[item->index] =
        !WentWell(span) || !duration || *duration >= limits_.min_nano ||
        std::ranges::any_of(trace_.children[item->index], [&](const TraceItem& child) {
          return child.kind == TraceItem::Kind::kSpan && is_shown_[child.index];
        });
  }
}

bool Walk::IsShown(const TraceItem& item) const {
  if (item.kind == TraceItem::Kind::kSpan) return is_shown_[item.index];
  return trace_.events[item.index].level <= limits_.level;
}

bool Walk::IsJoined(const TraceItem& item) const {
  if (limits_.join_from == 0 || item.kind != TraceItem::Kind::kSpan) return false;
  return trace_.children[item.index].empty() && WentWell(trace_.spans[item.index]);
}

// Keeps the first of each group that is large enough, which stands for all.
void Walk::Join(std::vector<TreeRow>* siblings) const {
  using Group = std::pair<std::string, std::string>;  // name, service
  const auto group_of = [&](const TreeRow& row) {
    const TraceSpan& span = trace_.spans[row.item.index];
    return Group(span.span.name(), span.sender.service_name);
  };
  std::map<Group, Repeated> groups;
  for (const TreeRow& row : *siblings) {
    if (!IsJoined(row.item)) continue;
    Repeated& group = groups[group_of(row)];
    const uint64_t duration = trace_.spans[row.item.index].Duration().value_or(0);
    ++group.count;
    group.slowest = std::max(group.slowest, duration);
    group.total += duration;
  }
  std::erase_if(groups, [&](const auto& group) { return group.second.count < limits_.join_from; });
  std::map<Group, bool> has_row;
  std::erase_if(*siblings, [&](TreeRow& row) {
    if (!IsJoined(row.item)) return false;
    const auto group = groups.find(group_of(row));
    if (group == groups.end()) return false;
    row.repeated = group->second;
    return std::exchange(has_row[group->first], true);
  });
}

std::vector<TreeRow> Walk::Siblings(const std::vector<TraceItem>& items, size_t depth,
                                    const TraceSpan* parent) const {
  std::vector<TreeRow> siblings;
  if (depth > limits_.max_depth) return siblings;
  for (const TraceItem& item : items) {
    if (IsShown(item)) {
      siblings.push_back({.item = item, .depth = depth, .is_last = false, .parent = parent});
    }
  }
  if (limits_.join_from > 0) Join(&siblings);
  if (!siblings.empty()) siblings.back().is_last = true;
  return siblings;
}

std::vector<TreeRow> Walk::Rows() const {
  std::vector<TreeRow> rows;
  // On top lies what is shown next, so siblings are pushed last to first.
  std::vector<TreeRow> stack = Siblings(trace_.roots, 0, nullptr);
  std::ranges::reverse(stack);
  while (!stack.empty()) {
    const TreeRow row = std::move(stack.back());
    stack.pop_back();
    rows.push_back(row);
    if (row.item.kind != TraceItem::Kind::kSpan) continue;
    const std::vector<TreeRow> children =
        Siblings(trace_.children[row.item.index], row.depth + 1, &trace_.spans[row.item.index]);
    stack.insert(stack.end(), children.rbegin(), children.rend());
  }
  return rows;
}

}  // namespace

std::vector<TreeRow> TreeRows(const Trace& trace, const TreeLimits& limits) {
  return Walk(trace, limits).Rows();
}

}  // namespace sluice::cli
