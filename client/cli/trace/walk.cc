#include "client/cli/trace/walk.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace sluice::cli {
namespace {

bool WentWell(const TraceSpan& span) {
  return span.state == TraceSpan::State::kEnded && !span.IsError();
}

class Walk {
 public:
  Walk(const Trace& trace, const TreeLimits& limits) : trace_(trace), limits_(limits) {
    FindShown();
  }

  void Run(const std::function<void(const TreeRow&)>& visit) const;

 private:
  struct Sibling {
    TraceItem item;
    bool is_left_out = false;
    Repeated repeated;  // count 0: it stands for itself alone
  };
  // What is shown within one span, of which the first ones were visited.
  struct Frame {
    const TraceSpan* parent = nullptr;
    std::vector<Sibling> siblings;
    size_t next = 0;
  };

  void FindShown();
  bool IsShown(const TraceItem& item) const;
  bool IsJoined(const TraceItem& item) const;
  Frame Within(const TraceSpan* parent, std::span<const TraceItem> items) const;
  void JoinAlike(std::vector<Sibling>* siblings) const;
  void Join(std::span<Sibling* const> group) const;

  const Trace& trace_;
  const TreeLimits& limits_;
  std::vector<bool> is_shown_;  // spans
};

// A span that is long enough, or leads to one that is.
void Walk::FindShown() {
  is_shown_.resize(trace_.spans.size());
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    const TraceSpan& span = trace_.spans[i];
    const auto duration = span.Duration();
    if (WentWell(span) && duration && *duration < limits_.min_nano) continue;
    is_shown_[i] = true;
    for (auto up = span.parent; up && !is_shown_[*up]; up = trace_.spans[*up].parent) {
      is_shown_[*up] = true;
    }
  }
}

bool Walk::IsShown(const TraceItem& item) const {
  if (item.kind == TraceItem::Kind::kSpan) return is_shown_[item.index];
  return trace_.events[item.index].level <= limits_.level;
}

bool Walk::IsJoined(const TraceItem& item) const {
  if (item.kind != TraceItem::Kind::kSpan) return false;
  const TraceSpan& span = trace_.spans[item.index];
  return trace_.ItemsIn(span).empty() && WentWell(span);
}

// One row for all of `group`, which the first of them stands for.
void Walk::Join(std::span<Sibling* const> group) const {
  Repeated& all = group.front()->repeated;
  for (Sibling* const sibling : group) {
    const uint64_t duration = trace_.spans[sibling->item.index].Duration().value_or(0);
    ++all.count;
    all.slowest = std::max(all.slowest, duration);
    all.total += duration;
    sibling->is_left_out = sibling != group.front();
  }
}

void Walk::JoinAlike(std::vector<Sibling>* siblings) const {
  std::vector<Sibling*> joined;
  for (Sibling& sibling : *siblings) {
    if (IsJoined(sibling.item)) joined.push_back(&sibling);
  }
  const auto name_and_service = [&](const Sibling* sibling) {
    const TraceSpan& span = trace_.spans[sibling->item.index];
    return std::pair(span.name, span.sender->service_name);
  };
  std::ranges::stable_sort(joined, {}, name_and_service);
  for (std::span<Sibling* const> rest = joined; !rest.empty();) {
    const auto other =
        std::ranges::upper_bound(rest, name_and_service(rest.front()), {}, name_and_service);
    const auto count = static_cast<size_t>(other - rest.begin());
    if (count >= limits_.join_from) Join(rest.first(count));
    rest = rest.subspan(count);
  }
  std::erase_if(*siblings, [](const Sibling& sibling) { return sibling.is_left_out; });
}

Walk::Frame Walk::Within(const TraceSpan* parent, std::span<const TraceItem> items) const {
  Frame frame{.parent = parent};
  frame.siblings.reserve(items.size());
  for (const TraceItem& item : items) {
    if (IsShown(item)) frame.siblings.push_back({.item = item});
  }
  if (limits_.join_from > 0) JoinAlike(&frame.siblings);
  return frame;
}

void Walk::Run(const std::function<void(const TreeRow&)>& visit) const {
  // Deep traces must not exhaust the stack, so this is a list.
  std::vector<Frame> frames;
  frames.push_back(Within(nullptr, trace_.Roots()));
  while (!frames.empty()) {
    Frame& frame = frames.back();
    if (frame.next == frame.siblings.size()) {
      frames.pop_back();
      continue;
    }
    const Sibling& sibling = frame.siblings[frame.next++];
    TreeRow row{.item = sibling.item,
                .depth = frames.size() - 1,
                .is_last = frame.next == frame.siblings.size(),
                .parent = frame.parent};
    if (sibling.repeated.count > 0) row.repeated = sibling.repeated;
    visit(row);
    if (row.item.kind != TraceItem::Kind::kSpan || row.depth == limits_.max_depth) continue;
    const TraceSpan& span = trace_.spans[row.item.index];
    frames.push_back(Within(&span, trace_.ItemsIn(span)));
  }
}

}  // namespace

void VisitRows(const Trace& trace, const TreeLimits& limits,
               const std::function<void(const TreeRow&)>& visit) {
  Walk(trace, limits).Run(visit);
}

}  // namespace sluice::cli
