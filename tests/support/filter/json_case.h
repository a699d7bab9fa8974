// A filter and the spans and events it is to judge, described in JSON as in
// testdata/envfilter_vectors.json. For tests.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/filter/filter.h"
#include "agent/filter/matcher.h"

namespace sluice::filter {

using Json = nlohmann::ordered_json;

// Of `described`'s members `patterns` and `default`, and of a profile by name.
FilterOptions OptionsOf(const Json& described, const std::string& profile);

// Fields built from an object; owns the texts. A value may be typed: {"t": "u64", "v": "4"}.
class FieldList {
 public:
  explicit FieldList(const Json& fields);
  Fields view() const { return Fields(fields_); }

 private:
  std::string_view Keep(const std::string& text) { return texts_.emplace_back(text); }
  void Add(const std::string& name, const Json& value);
  void AddTyped(const Json& value, Field* field);
  void SetText(const std::string& text, Field* field);

  std::deque<std::string> texts_;
  std::vector<Field> fields_;
};

// Plays one case to a Matcher.
class Player {
 public:
  // The filter is sound.
  explicit Player(std::shared_ptr<const Filter> filter) : matcher_(std::move(filter)) {}

  // Whether `subject` is let through within the spans of `stack`, outermost first.
  bool RunStack(const Json& described);
  // One step: `span`, `record` or `event`. nullopt: nothing was judged.
  std::optional<bool> RunStep(const Json& step);

 private:
  bool OpenSpan(const Json& span, const SpanScope* parent, SpanScope* scope);
  bool Event(const Json& event, const SpanScope* enclosing);
  const SpanScope* Scope(const Json& step, const char* key);

  Matcher matcher_;
  std::map<std::string, SpanScope> scopes_;
};

}  // namespace sluice::filter
