#include "client/cli/trace/why.h"

#include <algorithm>
#include <optional>

#include "client/cli/trace/timing.h"

namespace sluice::cli {
namespace {

constexpr size_t kEventsBefore = 5;
constexpr size_t kEventsAfter = 2;
constexpr size_t kErrorsWithin = 3;

bool HasFailed(const TraceSpan& span) {
  return span.state == TraceSpan::State::kAborted ||
         span.span.status().code() == otlp::v1::Status::STATUS_CODE_ERROR;
}

class Explainer {
 public:
  explicit Explainer(const Trace& trace);

  TraceWhy Explain(size_t max_failures);

 private:
  uint64_t TimeOf(size_t index) const;
  void AddFailedSpans();
  void AddErrors();
  bool IsWithinFailed(std::optional<size_t> span) const;
  void Tell(FailureStory* story) const;
  std::vector<size_t> OpenSpans() const;

  const Trace& trace_;
  const std::vector<std::optional<size_t>> parents_;
  std::vector<std::optional<size_t>> span_of_event_;
  std::vector<size_t> events_by_time_;
  std::vector<FailureStory> failures_;
};

Explainer::Explainer(const Trace& trace) : trace_(trace), parents_(ParentsOf(trace)) {
  span_of_event_.resize(trace.events.size());
  for (size_t span = 0; span < trace.children.size(); ++span) {
    for (const TraceItem& item : trace.children[span]) {
      if (item.kind == TraceItem::Kind::kEvent) span_of_event_[item.index] = span;
    }
  }
  for (size_t i = 0; i < trace.events.size(); ++i) events_by_time_.push_back(i);
  std::ranges::stable_sort(events_by_time_, {},
                           [&](size_t i) { return trace_.events[i].time_unix_nano; });
}

// When it failed. The agent learns of a process that is gone some time later; by then what started
// that process may have said that it failed.
uint64_t Explainer::TimeOf(size_t index) const {
  const TraceSpan& failed = trace_.spans[index];
  const uint64_t end = failed.span.end_time_unix_nano();
  if (end == 0) return failed.span.start_time_unix_nano();
  const auto parent = parents_[index];
  const bool is_told_by_parent = failed.state == TraceSpan::State::kAborted && parent &&
                                 trace_.spans[*parent].state == TraceSpan::State::kEnded &&
                                 HasFailed(trace_.spans[*parent]);
  return is_told_by_parent ? std::min(end, trace_.spans[*parent].span.end_time_unix_nano()) : end;
}

void Explainer::AddFailedSpans() {
  // A failed span lies within them: that is where they failed.
  std::vector<bool> is_consequence(trace_.spans.size());
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    if (!HasFailed(trace_.spans[i])) continue;
    for (auto up = parents_[i]; up; up = parents_[*up]) {
      if (is_consequence[*up]) break;
      is_consequence[*up] = true;
    }
  }
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    if (!HasFailed(trace_.spans[i]) || is_consequence[i]) continue;
    failures_.push_back({.item = {TraceItem::Kind::kSpan, i},
                         .time_unix_nano = TimeOf(i),
                         .ancestors = AncestorsOf(parents_, i)});
  }
}

bool Explainer::IsWithinFailed(std::optional<size_t> span) const {
  for (; span; span = parents_[*span]) {
    if (HasFailed(trace_.spans[*span])) return true;
  }
  return false;
}

void Explainer::AddErrors() {
  for (const size_t i : events_by_time_) {
    if (trace_.events[i].level != v1::LEVEL_ERROR || IsWithinFailed(span_of_event_[i])) continue;
    FailureStory story{.item = {TraceItem::Kind::kEvent, i},
                       .time_unix_nano = trace_.events[i].time_unix_nano};
    if (const auto span = span_of_event_[i]) {
      story.ancestors = AncestorsOf(parents_, *span);
      story.ancestors.push_back(*span);
    }
    failures_.push_back(std::move(story));
  }
}

// Gathers the events around it.
void Explainer::Tell(FailureStory* story) const {
  const auto is_itself = [&](size_t event) {
    return story->item.kind == TraceItem::Kind::kEvent && story->item.index == event;
  };
  const auto is_within = [&](size_t event) {
    if (story->item.kind != TraceItem::Kind::kSpan) return false;
    for (auto span = span_of_event_[event]; span; span = parents_[*span]) {
      if (*span == story->item.index) return true;
    }
    return false;
  };
  const auto split =
      std::ranges::upper_bound(events_by_time_, story->time_unix_nano, {},
                               [&](size_t i) { return trace_.events[i].time_unix_nano; });
  size_t errors = 0;
  const auto first_near =
      split - std::min<ptrdiff_t>(kEventsBefore, split - events_by_time_.begin());
  for (auto event = events_by_time_.begin(); event != split; ++event) {
    if (is_itself(*event)) continue;
    const bool is_error = event < first_near && errors < kErrorsWithin &&
                          trace_.events[*event].level == v1::LEVEL_ERROR && is_within(*event);
    errors += is_error;
    if (is_error || event >= first_near) story->before.push_back(*event);
  }
  for (auto event = split; event != events_by_time_.end(); ++event) {
    if (story->after.size() == kEventsAfter) break;
    if (!is_itself(*event)) story->after.push_back(*event);
  }
}

std::vector<size_t> Explainer::OpenSpans() const {
  std::vector<bool> holds_open(trace_.spans.size());
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    if (trace_.spans[i].state != TraceSpan::State::kOpen) continue;
    for (auto up = parents_[i]; up && !holds_open[*up]; up = parents_[*up]) holds_open[*up] = true;
  }
  std::vector<size_t> open;
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    if (trace_.spans[i].state == TraceSpan::State::kOpen && !holds_open[i]) open.push_back(i);
  }
  std::ranges::stable_sort(open, {},
                           [&](size_t i) { return trace_.spans[i].span.start_time_unix_nano(); });
  return open;
}

TraceWhy Explainer::Explain(size_t max_failures) {
  AddFailedSpans();
  AddErrors();
  std::ranges::stable_sort(failures_, {}, &FailureStory::time_unix_nano);
  TraceWhy why;
  why.more_failures = failures_.size() - std::min(failures_.size(), max_failures);
  failures_.resize(failures_.size() - why.more_failures);
  for (FailureStory& story : failures_) Tell(&story);
  why.failures = std::move(failures_);
  why.open = OpenSpans();
  return why;
}

}  // namespace

TraceWhy ExplainTrace(const Trace& trace, size_t max_failures) {
  return Explainer(trace).Explain(max_failures);
}

}  // namespace sluice::cli
