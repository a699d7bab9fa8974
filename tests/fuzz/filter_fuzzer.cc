// A filter's text, options, and records to judge: parsing and matching any bytes is safe, what
// parses prints and parses back, and a level summary never hides what the filter lets through.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/filter/describe.h"
#include "agent/filter/filter.h"
#include "agent/filter/matcher.h"
#include "agent/filter/targets.h"

namespace sluice::filter {
namespace {

// Cuts the input into parts at newlines.
std::string_view NextLine(std::string_view* rest) {
  const size_t end = std::min(rest->find('\n'), rest->size());
  const std::string_view line = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return line;
}

FilterOptions OptionsOf(uint8_t bits) {
  FilterOptions options;
  options.profile = (bits & 1) != 0 ? Profile::kFixed : Profile::kCompat;
  options.lossy = (bits & 2) != 0;
  options.patterns = (bits & 4) == 0;
  options.override_inside_spans = (bits & 8) != 0;
  options.static_off_wins = (bits & 16) != 0;
  options.whole_segments = (bits & 32) != 0;
  options.loose_numbers = (bits & 64) != 0;
  return options;
}

void CheckPrinting(const Filter& filter) {
  for (const Directive& directive : filter.directives()) {
    const ParsedDirective again = ParseDirective(
        directive.Format(), {filter.options().profile, filter.options().patterns, nullptr});
    // White space at the ends is cut, and a comma in a target ends it; all else comes back.
    if (again.fault == Fault::kNone && again.directive.level != directive.level) std::abort();
  }
}

void CheckMatching(std::shared_ptr<const Filter> filter, std::string_view rest) {
  const LevelSummary summary = filter->Summarize();
  Matcher matcher(std::move(filter));
  SpanScope outer, inner;
  const std::string_view target = NextLine(&rest), name = NextLine(&rest), key = NextLine(&rest);
  Field field{key, {}, false};
  field.value.type = ValueView::Type::kString;
  field.value.text = rest;
  const std::vector<Field> fields = {field};
  matcher.OpenSpan({target, Level::kInfo, name, Fields()}, nullptr, &outer);
  matcher.RecordFields(Fields(fields), &outer);
  matcher.OpenSpan({name, Level::kDebug, target, Fields(fields)}, &outer, &inner);
  const Subject event{target, Level::kTrace, "", Fields(fields)};
  if (matcher.EventEnabled(event, &inner) != matcher.ExplainEvent(event, &inner).enabled) {
    std::abort();
  }
  if (matcher.EventEnabled(event, &inner) && !Allows(summary.LevelFor(target), event.level)) {
    std::abort();
  }
}

}  // namespace
}  // namespace sluice::filter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::filter;
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view text = NextLine(&rest);
  const auto result = Filter::Parse(text, OptionsOf(data[0]));
  for (const Piece& piece : result.pieces) {
    if (piece.parsed.fault != Fault::kNone) (void)DescribeError(piece);
  }
  (void)Targets::Parse(text);
  if (result.filter == nullptr) return 0;
  CheckPrinting(*result.filter);
  CheckMatching(result.filter, rest);
  return 0;
}
