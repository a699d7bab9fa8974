#include "agent/ingest/abort_times.h"

#include <algorithm>
#include <cstdlib>

namespace sluice::ingest {
namespace {

// What the spans of an origin live by, where that is a process.
std::pair<pid_t, uint64_t> ProcessBehind(const live::Origin& origin) {
  const SpanOwner& owner = origin.owner;
  if (owner.pid != 0) return {owner.pid, owner.start_time_ticks};
  return {origin.identity.pid, origin.identity.start_time_ticks};
}

// Between the readings of two clocks passes less than this, mostly; a step is more.
constexpr int64_t kStepNanos = 1'000'000;

}  // namespace

uint64_t UnixTimes::At(uint64_t boot_nano) {
  const uint64_t now = clock_.BootNano();
  const uint64_t distance = clock_.UnixNano() - now;
  if (std::abs(static_cast<int64_t>(distance - distance_)) > kStepNanos) distance_ = distance;
  return std::min(boot_nano, now) + distance_;
}

AbortTimes::AbortTimes(const Spans& aborted, UnixTimes* times, LifeEndFn life_end,
                       bool is_this_boot)
    : life_end_(std::move(life_end)), is_this_boot_(is_this_boot), times_(*times) {
  for (const auto& span : aborted) {
    aborted_.insert(span.get());
    uint64_t& last = last_starts_[ProcessBehind(*span->origin)];
    last = std::max(last, span->received_boottime_nano);
  }
}

AbortTimes::Time AbortTimes::EndOf(const live::Span& span) {
  const auto known = ends_.find(&span);
  if (known != ends_.end()) return known->second;
  Time end = OwnEndOf(span);
  const Time limit = LimitBy(span.parent.get());
  if (limit.unix_nano != 0 && limit.unix_nano < end.unix_nano) end = limit;
  end.unix_nano = std::max(end.unix_nano, span.start_unix_nano);
  ends_[&span] = end;
  return end;
}

AbortTimes::Time AbortTimes::OwnEndOf(const live::Span& span) const {
  const LifeEnd end = life_end_ ? life_end_(*span.origin) : LifeEnd{};
  if (end.is_seen) return {UnixNano(span, end.boot_nano), false};
  const auto started = last_starts_.find(ProcessBehind(*span.origin));
  const uint64_t last_start = started == last_starts_.end() ? 0 : started->second;
  return {UnixNano(span, std::max(end.boot_nano, last_start)), true};
}

// A parent in another process may have lost that one, and be closed only later.
AbortTimes::Time AbortTimes::LimitBy(const live::Span* parent) {
  if (parent == nullptr) return {};
  if (parent->end_unix_nano != 0) return {parent->end_unix_nano, false};
  const bool has_ended =
      aborted_.contains(parent) || (life_end_ && life_end_(*parent->origin).is_seen);
  return has_ended ? EndOf(*parent) : Time{};
}

// Where the boot time is of an earlier boot, its distance from the span's start is what counts.
uint64_t AbortTimes::UnixNano(const live::Span& span, uint64_t boot_nano) const {
  if (!is_this_boot_) return span.start_unix_nano + (boot_nano - span.received_boottime_nano);
  return times_.At(boot_nano);
}

}  // namespace sluice::ingest
