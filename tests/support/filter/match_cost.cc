// Matches one hostile pattern against one hostile value of the size given, for match_cost_test.py
// to count the instructions of.
#include <cstdlib>
#include <string>

#include "agent/filter/directive.h"
#include "agent/filter/value_pattern.h"

int main(int argc, char** argv) {
  using namespace sluice::filter;
  const size_t size = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  // As a dense automaton: 2^200 states.
  std::string pattern = ".*a";
  for (int i = 0; i < 200; ++i) pattern += "[ab]";
  const auto parsed = ValuePattern::Parse(pattern + "c", {.profile = Profile::kCompat});
  if (!parsed.ok()) return 2;
  std::string text(size, 'b');
  for (size_t i = 0; i < size; i += 1 + i * i % 7) text[i] = 'a';
  Field field{"k", {}, false};
  field.value.type = sluice::ValueView::Type::kString;
  field.value.text = text;
  return (*parsed)->Matches(field, false) ? 1 : 0;
}
