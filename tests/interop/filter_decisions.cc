// Answers what one JSON line each asks: does this filter let this record through? Prints `yes`,
// `no`, or `bad` where the filter does not parse.
#include <iostream>
#include <string>

#include "tests/support/filter/json_case.h"

namespace sluice::filter {
namespace {

const char* Answer(const Json& question) {
  const FilterOptions options = OptionsOf(question, "compat");
  const std::string text = question["filter"];
  if (question.value("mode", "") == "directive") {
    const auto parsed = ParseDirective(text, {options.profile, options.patterns, nullptr});
    return parsed.fault == Fault::kNone ? "yes" : "bad";
  }
  const auto parsed = Filter::Parse(text, options);
  if (parsed.filter == nullptr) return "bad";
  if (!question.contains("subject")) return "yes";
  return Player(parsed.filter).RunStack(question) ? "yes" : "no";
}

}  // namespace
}  // namespace sluice::filter

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << sluice::filter::Answer(sluice::filter::Json::parse(line)) << '\n';
  }
}
