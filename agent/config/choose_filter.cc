#include "agent/config/choose_filter.h"

#include "absl/strings/str_cat.h"
#include "agent/filter/describe.h"

namespace sluice::config {
namespace {

void WarnOfOddities(const FilterCandidate& candidate, const std::vector<filter::Piece>& pieces,
                    std::vector<std::string>* warnings) {
  for (const filter::Piece& piece : pieces) {
    for (const filter::Remark& remark : piece.parsed.warnings) {
      warnings->push_back(absl::StrCat("Odd ", candidate.name, ": \"", piece.text,
                                       "\": ", remark.message, " (at byte ", remark.offset, ")"));
    }
  }
}

}  // namespace

SinkFilter ChooseFilter(const std::vector<FilterCandidate>& candidates,
                        const filter::FilterOptions& options, std::vector<std::string>* warnings) {
  for (size_t i = 0; i < candidates.size(); ++i) {
    const FilterCandidate& candidate = candidates[i];
    if (candidate.routes != nullptr) {
      return {.origin = candidate.origin, .compiled = candidate.routes, .by_routes = true};
    }
    auto parsed = filter::Filter::Parse(candidate.text, options);
    if (parsed.filter != nullptr) {
      WarnOfOddities(candidate, parsed.pieces, warnings);
      return {
          .text = candidate.text, .origin = candidate.origin, .compiled = std::move(parsed.filter)};
    }
    const std::string next = i + 1 < candidates.size() ? candidates[i + 1].kind : "empty";
    warnings->push_back(absl::StrCat("Invalid ", candidate.name, ", falling back to ", next,
                                     " filter: ", filter::DescribeError(*parsed.first_error())));
  }
  return {.origin = "default", .compiled = filter::Filter::Parse("", options).filter};
}

}  // namespace sluice::config
