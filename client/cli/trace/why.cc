#include "client/cli/trace/why.h"

#include <algorithm>
#include <optional>

namespace sluice::cli {
namespace {

constexpr size_t kEventsBefore = 5;
constexpr size_t kEventsAfter = 2;
constexpr size_t kErrorsWithin = 3;

bool HasFailed(const TraceSpan& span) {
  return span.state == TraceSpan::State::kAborted || span.IsError();
}

class Explainer {
 public:
  explicit Explainer(const Trace& trace);

  TraceWhy Explain(size_t max_failures);

 private:
  // Not told yet, of which there may be as many as spans.
  struct Failure {
    TraceItem item;
    uint64_t time_unix_nano = 0;
  };

  uint64_t TimeOf(const TraceSpan& failed) const;
  void AddFailedSpans();
  void AddErrors();
  // `span` or one around it is so.
  bool IsWithin(std::optional<uint32_t> span, const auto& is_so) const;
  std::vector<size_t> AncestorsOf(const TraceItem& item) const;
  FailureStory Tell(const Failure& failure) const;
  std::vector<size_t> OpenSpans() const;

  const Trace& trace_;
  std::vector<uint32_t> events_by_time_;
  std::vector<Failure> failures_;
};

Explainer::Explainer(const Trace& trace) : trace_(trace) {
  for (uint32_t i = 0; i < trace.events.size(); ++i) events_by_time_.push_back(i);
  std::ranges::stable_sort(events_by_time_, {},
                           [&](uint32_t i) { return trace_.events[i].time_unix_nano; });
}

// When it failed. The agent learns of a process that is gone some time later; by then what started
// that process may have said that it failed.
uint64_t Explainer::TimeOf(const TraceSpan& failed) const {
  const uint64_t end = failed.end_unix_nano;
  if (end == 0) return failed.start_unix_nano;
  if (failed.state != TraceSpan::State::kAborted || !failed.parent) return end;
  const TraceSpan& parent = trace_.spans[*failed.parent];
  const bool is_told_by_parent = parent.state == TraceSpan::State::kEnded && HasFailed(parent);
  return is_told_by_parent ? std::min(end, parent.end_unix_nano) : end;
}

void Explainer::AddFailedSpans() {
  // A failed span lies within them: that is where they failed.
  std::vector<bool> is_consequence(trace_.spans.size());
  for (const TraceSpan& span : trace_.spans) {
    if (!HasFailed(span)) continue;
    for (auto up = span.parent; up && !is_consequence[*up]; up = trace_.spans[*up].parent) {
      is_consequence[*up] = true;
    }
  }
  for (uint32_t i = 0; i < trace_.spans.size(); ++i) {
    if (!HasFailed(trace_.spans[i]) || is_consequence[i]) continue;
    failures_.push_back({{TraceItem::Kind::kSpan, i}, TimeOf(trace_.spans[i])});
  }
}

bool Explainer::IsWithin(std::optional<uint32_t> span, const auto& is_so) const {
  for (; span; span = trace_.spans[*span].parent) {
    if (is_so(*span)) return true;
  }
  return false;
}

void Explainer::AddErrors() {
  const auto has_failed = [&](uint32_t span) { return HasFailed(trace_.spans[span]); };
  for (const uint32_t i : events_by_time_) {
    const TraceEvent& event = trace_.events[i];
    if (event.level != v1::LEVEL_ERROR || IsWithin(event.span, has_failed)) continue;
    failures_.push_back({{TraceItem::Kind::kEvent, i}, event.time_unix_nano});
  }
}

std::vector<size_t> Explainer::AncestorsOf(const TraceItem& item) const {
  if (item.kind == TraceItem::Kind::kSpan) return trace_.AncestorsOf(item.index);
  const auto span = trace_.events[item.index].span;
  if (!span) return {};
  std::vector<size_t> ancestors = trace_.AncestorsOf(*span);
  ancestors.push_back(*span);
  return ancestors;
}

// Gathers what is around it.
FailureStory Explainer::Tell(const Failure& failure) const {
  FailureStory story{.item = failure.item,
                     .time_unix_nano = failure.time_unix_nano,
                     .ancestors = AncestorsOf(failure.item)};
  const bool is_span = failure.item.kind == TraceItem::Kind::kSpan;
  const auto is_itself = [&](uint32_t event) { return !is_span && failure.item.index == event; };
  const auto is_within = [&](uint32_t event) {
    const auto is_failure = [&](uint32_t span) { return span == failure.item.index; };
    return is_span && IsWithin(trace_.events[event].span, is_failure);
  };
  const auto split =
      std::ranges::upper_bound(events_by_time_, failure.time_unix_nano, {},
                               [&](uint32_t i) { return trace_.events[i].time_unix_nano; });
  size_t errors = 0;
  const auto first_near =
      split - std::min<ptrdiff_t>(kEventsBefore, split - events_by_time_.begin());
  for (auto event = events_by_time_.begin(); event != split; ++event) {
    if (is_itself(*event)) continue;
    const bool is_error = event < first_near && errors < kErrorsWithin &&
                          trace_.events[*event].level == v1::LEVEL_ERROR && is_within(*event);
    errors += is_error;
    if (is_error || event >= first_near) story.before.push_back(*event);
  }
  for (auto event = split; event != events_by_time_.end(); ++event) {
    if (story.after.size() == kEventsAfter) break;
    if (!is_itself(*event)) story.after.push_back(*event);
  }
  return story;
}

std::vector<size_t> Explainer::OpenSpans() const {
  const std::vector<TraceSpan>& spans = trace_.spans;
  std::vector<bool> holds_open(spans.size());
  for (const TraceSpan& span : spans) {
    if (span.state != TraceSpan::State::kOpen) continue;
    for (auto up = span.parent; up && !holds_open[*up]; up = spans[*up].parent) {
      holds_open[*up] = true;
    }
  }
  std::vector<size_t> open;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].state == TraceSpan::State::kOpen && !holds_open[i]) open.push_back(i);
  }
  std::ranges::stable_sort(open, {}, [&](size_t i) { return spans[i].start_unix_nano; });
  return open;
}

TraceWhy Explainer::Explain(size_t max_failures) {
  AddFailedSpans();
  AddErrors();
  std::ranges::stable_sort(failures_, {}, &Failure::time_unix_nano);
  TraceWhy why;
  const size_t told = std::min(failures_.size(), max_failures);
  why.more_failures = failures_.size() - told;
  for (size_t i = 0; i < told; ++i) why.failures.push_back(Tell(failures_[i]));
  why.open = OpenSpans();
  return why;
}

}  // namespace

TraceWhy ExplainTrace(const Trace& trace, size_t max_failures) {
  return Explainer(trace).Explain(max_failures);
}

}  // namespace sluice::cli
