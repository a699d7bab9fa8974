// Events that wait for the end of the span that they are in, with which they go out.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/identity/identity.h"
#include "agent/live/span.h"
#include "proto/record/view.h"

namespace sluice::otlp {

// Who sent an event, and what it said of itself.
struct EventSender {
  Identity identity;
  std::string resource;

  bool operator==(const EventSender&) const = default;
};

struct HeldEvent {
  std::shared_ptr<const EventSender> sender;
  std::string target;
  Level level = Level::kInfo;
  std::string body;  // an encoded LogRecord
};

// Appends the event as field `events` of an encoded Span: its name is the message, or the event's
// own name with the message as attribute `message`; `level` and `target` are attributes where the
// event has none of that name.
void AppendSpanEvent(const HeldEvent& event, std::string* span);

// Bounded by uid and in all. Owned by one thread.
class HeldEvents {
 public:
  // False: there is no room for it.
  bool Hold(const live::SpanKey& span, HeldEvent event, uint64_t now);

  // Each gives events in the order in which they came, and holds them no longer.
  std::vector<HeldEvent> Take(const live::SpanKey& span);
  // Those of spans whose first one has been held since `time` or before.
  std::vector<HeldEvent> TakeHeldSince(uint64_t time);
  std::vector<HeldEvent> TakeAll() { return TakeHeldSince(UINT64_MAX); }

  bool empty() const { return by_span_.empty(); }

 private:
  // Spans and since when their first event is held, the oldest first.
  using ByAge = std::list<std::pair<uint64_t, live::SpanKey>>;
  struct OfSpan {
    ByAge::iterator place;
    std::vector<HeldEvent> events;
  };

  absl::flat_hash_map<live::SpanKey, OfSpan> by_span_;
  ByAge by_age_;
  absl::flat_hash_map<uid_t, size_t> bytes_by_uid_;
  size_t bytes_of_users_ = 0;
};

}  // namespace sluice::otlp
