// One directive of a filter, parsed: `target[span{field=value,...}]=level`.
//
//   directive = level / target [ "=" [ level ] ] / [ target ] "[" inner "]" [ "=" [ level ] ]
//   target    = first *( any except "=" "[" )       first: "-" ":" "_" or alphanumeric
//   inner     = span / [ span ] "{" field *( "," field ) "}"
//   span      = *( any except "]" "{" )             empty: the span whose name is empty; in a list
//                                                   no comma either
//   field     = name [ "=" value ]                  no "}" "," within
//
// A missing level is `trace`. The grammar is tracing-subscriber's EnvFilter (0.3.20 and after);
// docs/filters.md describes it for people, with every difference between the two profiles.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/filter/level_filter.h"
#include "agent/filter/value_pattern.h"

namespace sluice::filter {

// kCompat answers as EnvFilter does, but for plain defects. kFixed also mends what people keep
// reporting against it; docs/filters.md lists both.
enum class Profile : uint8_t { kCompat, kFixed };

struct FieldTest {
  std::string name;
  // nullptr: only the field's presence is asked for.
  std::shared_ptr<const ValuePattern> value;
};

struct Directive {
  std::optional<std::string> target;
  std::optional<std::string> span;
  std::vector<FieldTest> fields;
  LevelFilter level = LevelFilter::kTrace;

  bool has_values() const;
  // Looks at targets and field names alone; the most specific one decides.
  bool is_static() const { return !span.has_value() && !has_values(); }
  // Opens a scope around what happens inside the spans it matches.
  bool is_dynamic() const { return span.has_value() || !fields.empty(); }
  // The same directive in its longest spelling.
  std::string Format() const;
};

enum class Fault : uint8_t {
  kNone,
  kSyntax,
  kLevel,  // the text after `=` is not a level
  kField,  // the value's pattern does not compile
  kLimit,  // over a limit of filter.h
};
// `syntax`, `level`, `field`, `limit`.
std::string_view FaultName(Fault fault);

// What is wrong with, or odd about, a text.
struct Remark {
  std::string message;
  size_t offset = 0;  // bytes from the start of the text given
};

struct DirectiveOptions {
  Profile profile = Profile::kCompat;
  // False: a value that is no bool or number is literal text, not a pattern.
  bool patterns = true;
  // Bytes that the patterns of this filter may still take; nullptr: one filter's full budget.
  PatternBudget* budget = nullptr;
};

struct ParsedDirective {
  Fault fault = Fault::kNone;
  Remark error;                  // where fault != kNone
  Directive directive;           // where fault == kNone
  std::vector<Remark> warnings;  // accepted, but hardly meant so
};

// Parses exactly one directive; white space around it is ignored, and one comma after it. Never
// fails otherwise than by `fault`.
ParsedDirective ParseDirective(std::string_view text, const DirectiveOptions& options);

}  // namespace sluice::filter
