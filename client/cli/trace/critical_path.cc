#include "client/cli/trace/critical_path.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>

namespace sluice::cli {
namespace {

// A span that may have been waited for, and the part of its time that counts.
struct Waited {
  uint32_t span = 0;
  Interval time;

  // Of two that end together the longer one counts.
  bool IsBefore(const Waited& other) const {
    if (time.end != other.time.end) return time.end < other.time.end;
    return time.begin > other.time.begin;
  }
};

// A span whose time is divided, from its end to its beginning.
struct Frame {
  std::optional<uint32_t> span;       // nullopt: the whole trace, of which the roots are children
  Interval time;                      // the part of it that counts
  uint64_t at = 0;                    // divided down to here
  std::optional<uint32_t> next;       // the child divided last, which lies behind `at`
  std::vector<Waited> children = {};  // not looked at yet; the last to end is the last
};

SpanId LinkedId(std::string_view link) {
  SpanId id;
  for (const std::string_view bytes : FieldRange(link, span_link_field::kSpanId)) {
    id = SpanId::FromBytes(bytes).value_or(id);
  }
  return id;
}

class PathFinder {
 public:
  PathFinder(const Trace& trace, uint64_t now) : trace_(trace), now_(now) {
    is_used_.resize(trace.spans.size());
    by_id_.resize(trace.spans.size());
    std::iota(by_id_.begin(), by_id_.end(), 0);
    std::ranges::stable_sort(by_id_, {}, [&](uint32_t i) { return trace.spans[i].id; });
  }

  std::vector<CriticalStep> Find();

 private:
  Frame MakeFrame(std::optional<uint32_t> span, const Interval& time) const;
  std::optional<Waited> WithinFrame(uint32_t span, const Interval& time) const;
  std::optional<Waited> LastChild(Frame* frame) const;
  std::span<const uint32_t> SpansOf(const SpanId& id) const;
  std::optional<Waited> LastLinked(const Frame& frame) const;
  void AddStep(const Frame& frame, uint64_t begin, std::optional<uint32_t> after);

  const Trace& trace_;
  const uint64_t now_;
  std::vector<uint32_t> by_id_;
  std::vector<bool> is_used_;
  std::vector<CriticalStep> backwards_;
};

std::optional<Waited> PathFinder::WithinFrame(uint32_t span, const Interval& time) const {
  const auto interval = IntervalOf(trace_.spans[span], now_);
  if (!interval) return std::nullopt;
  const auto within = Overlap(*interval, time);
  return within ? std::optional(Waited{span, *within}) : std::nullopt;
}

Frame PathFinder::MakeFrame(std::optional<uint32_t> span, const Interval& time) const {
  Frame frame{span, time, time.end, std::nullopt};
  const auto items = span ? trace_.ItemsIn(trace_.spans[*span]) : trace_.Roots();
  frame.children.reserve(items.size());
  for (const TraceItem& item : items) {
    if (item.kind != TraceItem::Kind::kSpan) continue;
    if (const auto child = WithinFrame(item.index, time)) frame.children.push_back(*child);
  }
  std::ranges::sort(frame.children, [](const Waited& a, const Waited& b) { return a.IsBefore(b); });
  return frame;
}

// The child that ended last before `at`. One that still ran then was not waited for.
std::optional<Waited> PathFinder::LastChild(Frame* frame) const {
  for (std::vector<Waited>& children = frame->children; !children.empty(); children.pop_back()) {
    const Waited& last = children.back();
    if (!is_used_[last.span] && last.time.end <= frame->at) return last;
  }
  return std::nullopt;
}

std::span<const uint32_t> PathFinder::SpansOf(const SpanId& id) const {
  const auto id_of = [this](uint32_t i) { return trace_.spans[i].id; };
  const auto begin = std::ranges::lower_bound(by_id_, id, {}, id_of);
  return {begin, std::ranges::upper_bound(begin, by_id_.end(), id, {}, id_of)};
}

std::optional<Waited> PathFinder::LastLinked(const Frame& frame) const {
  std::optional<Waited> last;
  if (!frame.next) return last;
  for (const std::string_view link : trace_.spans[*frame.next].links()) {
    for (const uint32_t linked : SpansOf(LinkedId(link))) {
      const auto waited = WithinFrame(linked, frame.time);
      if (!waited || is_used_[waited->span] || waited->time.end > frame.at) continue;
      if (!last || last->IsBefore(*waited)) last = waited;
    }
  }
  return last;
}

void PathFinder::AddStep(const Frame& frame, uint64_t begin, std::optional<uint32_t> after) {
  if (begin == frame.at) return;
  backwards_.push_back({frame.span, {begin, frame.at}, after, frame.next});
}

std::vector<CriticalStep> PathFinder::Find() {
  const auto whole = IntervalOf(trace_, now_);
  if (!whole) return {};
  // One for each span and one before it at most: a vector that grew would take as much again.
  backwards_.reserve(2 * trace_.spans.size() + 1);
  // Deep traces must not exhaust the stack, so this is a list.
  std::vector<Frame> frames = {MakeFrame(std::nullopt, *whole)};
  while (!frames.empty()) {
    Frame& frame = frames.back();
    std::optional<Waited> last = LastChild(&frame);
    const std::optional<Waited> linked = LastLinked(frame);
    if (linked && (!last || last->IsBefore(*linked))) last = linked;
    if (!last) {
      AddStep(frame, frame.time.begin, std::nullopt);
      frames.pop_back();
      continue;
    }
    AddStep(frame, last->time.end, last->span);
    is_used_[last->span] = true;
    frame.at = last->time.begin;
    frame.next = last->span;
    frames.push_back(MakeFrame(last->span, last->time));
  }
  std::ranges::reverse(backwards_);
  return std::move(backwards_);
}

}  // namespace

std::vector<CriticalStep> CriticalPath(const Trace& trace, uint64_t now_unix_nano) {
  return PathFinder(trace, now_unix_nano).Find();
}

const CriticalStep& SlowestStep(const std::vector<CriticalStep>& path) {
  return *std::ranges::max_element(path, {},
                                   [](const CriticalStep& step) { return step.time.length(); });
}

}  // namespace sluice::cli
