// A second, naive reading of what filters mean, for tests to compare with. Shares no code with the
// filter proper: characters are read one by one, everything is decided anew each time, patterns are
// std::regex.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::filter::model {

struct Options {
  bool fixed = false;
  bool override_inside_spans = false;
  bool static_off_wins = false;
  bool whole_segments = false;
};

// monostate: present without a value.
using FieldValue = std::variant<std::monostate, bool, long long, double, std::string>;
using FieldMap = std::map<std::string, FieldValue>;

struct SpanOnStack {
  int level = 3;
  std::string target, name;
  FieldMap fields;
  std::vector<FieldMap> later;
};

struct Question {
  std::vector<SpanOnStack> stack;  // outermost first
  bool is_span = false;
  int level = 3;
  std::string target, name;
  FieldMap fields;
};

struct FieldRule {
  std::string name;
  // b: bool, i: integer, f: number, n: NaN, r: pattern, q: exact text; 0: only the name.
  char kind = 0;
  long double number = 0;
  std::string text;
};

struct Rule {
  std::optional<std::string> target, span;
  std::vector<FieldRule> fields;
  int level = 5;
  bool operator==(const Rule& other) const;
  bool HasValues() const;
};

class Model {
 public:
  // `kind` of the first bad piece as `syntax`, `level`, `field`; empty: none.
  Model(const std::string& text, bool lossy, Options options);

  const std::string& error() const { return error_; }
  bool Enabled(const Question& question) const;

 private:
  // What is open inside a span: nullopt: nothing was said.
  using Scope = std::optional<int>;

  bool Covers(const Rule& rule, const std::string& target) const;
  std::optional<int> StaticLevel(const std::string& target, const FieldMap& fields,
                                 bool look_at_fields, const Rule** rule) const;
  bool Satisfied(const Rule& rule, const std::vector<FieldMap>& records, bool values) const;
  std::vector<const Rule*> Fitting(const std::string& target, const std::string& name) const;
  bool SpanEnabled(const SpanOnStack& span, const std::vector<FieldMap>& records, Scope scope,
                   bool late) const;
  Scope Inside(const SpanOnStack& span, Scope scope) const;
  bool EventEnabled(const Question& event, Scope scope) const;

  Options options_;
  std::string error_;
  std::vector<Rule> rules_;
  int highest_ = 0;
};

}  // namespace sluice::filter::model
