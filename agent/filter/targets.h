// tracing-subscriber's `Targets`: a list of `target=level`, the static half of a filter alone. Used
// for routes, as vLLora does.
//
//   list  = piece *( "," piece )
//   piece = level / target [ "=" [ level ] ] / target "[{" name "}]" "=" level
//
// White space counts as part of the text. An empty piece is the level `error` for every target, and
// so is the level missing behind `=`; a target without `=` means `trace`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/filter/directive.h"
#include "agent/filter/level_summary.h"

namespace sluice::filter {

// Immutable and thread-safe.
class Targets {
 public:
  // INVALID_ARGUMENT begins with the fault's name, `syntax` or `level`.
  static absl::StatusOr<Targets> Parse(std::string_view text);
  // Exactly one target prefix and level; an empty prefix fits every target.
  static Targets Of(std::string_view prefix, LevelFilter level);

  // Most specific first.
  const std::vector<Directive>& directives() const { return directives_; }
  // Would a span or event without fields be taken? The first directive whose target is a prefix
  // decides; those that name fields are passed over.
  bool Takes(std::string_view target, Level level) const;
  LevelSummary Summarize() const;
  // Parses back to the same.
  std::string Format() const;

 private:
  std::vector<Directive> directives_;
};

}  // namespace sluice::filter
