#include "agent/sinks/log/fair_lines.h"

#include <utility>

namespace sluice::log_sink {

void UserCount::MoveTo(Counters* counters, absl::string_view name, absl::string_view reason) {
  for (const auto& [uid, count] : counts_) counters->Add(name, reason, uid, count);
  counts_.clear();
}

FairLines::FairLines(const lines::LineOptions& options, std::string sink, Counters* counters)
    : builder_(options), sink_(std::move(sink)), counters_(counters) {}

size_t FairLines::Append(const stream::Delivery& delivery, std::string* lines) {
  const auto form = budget_.FormOf(delivery);
  if (!form.has_value()) {
    withheld_.Add(delivery.user());
    return 0;
  }
  if (*form == lines::LineForm::kShort) shortened_.Add(delivery.user());
  const size_t before = lines->size();
  builder_.Append(delivery, lines, *form);
  const size_t bytes = lines->size() - before;
  budget_.Charge(bytes);
  return bytes;
}

void FairLines::Count() {
  shortened_.MoveTo(counters_, "log.shortened", sink_);
  withheld_.MoveTo(counters_, "log.withheld", sink_);
}

}  // namespace sluice::log_sink
