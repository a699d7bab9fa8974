// Every case of testdata/envfilter_vectors.json, in both profiles and with its options.
#include <cmath>
#include <deque>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/filter/filter.h"
#include "agent/filter/matcher.h"
#include "agent/filter/targets.h"
#include "gtest/gtest.h"

namespace sluice::filter {
namespace {

using Json = nlohmann::ordered_json;

const Json& Vectors() {
  static const Json* const vectors = new Json(Json::parse(std::ifstream(SLUICE_FILTER_VECTORS)));
  return *vectors;
}

Profile ProfileNamed(const std::string& name) {
  return name == "fixed" ? Profile::kFixed : Profile::kCompat;
}

Level LevelNamed(const Json& vector) { return *ParseLevel(vector["level"].get<std::string>()); }

std::string_view KindName(ValuePattern::Kind kind) {
  static constexpr std::string_view kNames[] = {"bool", "u64",   "i64",   "f64",
                                                "nan",  "regex", "debug", "string"};
  return kNames[static_cast<size_t>(kind)];
}

// A directive in the words of the vectors. Static ones name their fields only.
Json Describe(const Directive& directive, bool as_static) {
  Json fields = Json::array();
  for (const FieldTest& field : directive.fields) {
    Json value;
    if (field.value != nullptr) {
      value = {{"kind", KindName(field.value->kind())}, {"text", field.value->text()}};
    }
    fields.push_back(as_static ? Json(field.name) : Json{{"name", field.name}, {"value", value}});
  }
  Json described;
  described["target"] = directive.target ? Json(*directive.target) : Json();
  if (!as_static) described["span"] = directive.span ? Json(*directive.span) : Json();
  described["fields"] = fields;
  described["level"] = LevelFilterName(directive.level);
  return described;
}

Json ErrorOf(Fault fault) { return {{"ok", false}, {"error", FaultName(fault)}}; }

Json ParseAsFilter(const Json& vector, FilterOptions options) {
  const std::string mode = vector["mode"];
  options.lossy = mode == "lossy" || mode == "new";
  if (mode == "new") options.default_level = LevelFilter::kError;
  const auto result = Filter::Parse(vector["text"].get<std::string>(), options);
  if (result.filter == nullptr) return ErrorOf(result.first_error()->parsed.fault);
  Json parsed{{"ok", true}, {"statics", Json::array()}, {"dynamics", Json::array()}};
  const auto& directives = result.filter->directives();
  for (const uint16_t i : result.filter->statics()) {
    parsed["statics"].push_back(Describe(directives[i], true));
  }
  for (size_t i = 0; i < directives.size(); ++i) {
    if (directives[i].is_dynamic()) parsed["dynamics"].push_back(Describe(directives[i], false));
  }
  parsed["max_level_hint"] = LevelFilterName(result.filter->max_level());
  return parsed;
}

Json ParseAsTargets(const Json& vector) {
  const auto targets = Targets::Parse(vector["text"].get<std::string>());
  if (!targets.ok()) {
    const std::string message(targets.status().message());
    return {{"ok", false}, {"error", message.substr(0, message.find(':'))}};
  }
  Json parsed{{"ok", true}, {"statics", Json::array()}};
  LevelFilter highest = LevelFilter::kOff;
  for (const Directive& directive : targets->directives()) {
    parsed["statics"].push_back(Describe(directive, true));
    highest = std::max(highest, directive.level);
  }
  parsed["max_level_hint"] = LevelFilterName(highest);
  return parsed;
}

Json ParseAsDirective(const Json& vector, const FilterOptions& options) {
  const auto parsed = ParseDirective(vector["text"].get<std::string>(),
                                     {options.profile, options.patterns, nullptr});
  if (parsed.fault != Fault::kNone) return ErrorOf(parsed.fault);
  return {{"ok", true}, {"directive", Describe(parsed.directive, false)}};
}

FilterOptions OptionsOf(const Json& vector, const std::string& profile) {
  FilterOptions options;
  options.profile = ProfileNamed(profile);
  options.patterns = vector.value("patterns", true);
  if (vector.contains("default")) {
    options.default_level = ParseLevelFilter(vector["default"].get<std::string>());
  }
  return options;
}

// Numbers print differently in Rust, so they are compared by value.
void ReadNumbers(Json* directive) {
  for (Json& field : (*directive)["fields"]) {
    if (!field.is_object() || field["value"].is_null()) continue;
    Json& value = field["value"];
    const std::string kind = value["kind"], text = value["text"];
    if (kind == "u64") value["text"] = std::stoull(text);
    if (kind == "i64") value["text"] = std::stoll(text);
    if (kind == "f64") value["text"] = std::strtod(text.c_str(), nullptr);
    if (kind == "nan") value["text"] = nullptr;
  }
}

// For comparison. The order of dynamic directives plays no part in EnvFilter.
Json Normal(Json parsed) {
  if (parsed.contains("directive")) ReadNumbers(&parsed["directive"]);
  if (!parsed.contains("dynamics")) return parsed;
  for (Json& directive : parsed["dynamics"]) ReadNumbers(&directive);
  std::sort(parsed["dynamics"].begin(), parsed["dynamics"].end());
  return parsed;
}

TEST(VectorsTest, EveryTextParsesAsListed) {
  ASSERT_EQ(Vectors()["parse"].size(), 148u);
  for (const Json& vector : Vectors()["parse"]) {
    for (const std::string profile : {"compat", "fixed"}) {
      const FilterOptions options = OptionsOf(vector, profile);
      const std::string mode = vector["mode"];
      const Json parsed = mode == "targets"     ? ParseAsTargets(vector)
                          : mode == "directive" ? ParseAsDirective(vector, options)
                                                : ParseAsFilter(vector, options);
      EXPECT_EQ(Normal(parsed), Normal(vector[profile])) << vector["id"] << " " << profile;
    }
  }
}

// Fields built from a vector; owns the texts.
class FieldList {
 public:
  explicit FieldList(const Json& fields) {
    for (const auto& [name, value] : fields.items()) Add(name, value);
  }
  Fields view() const { return Fields(fields_); }

 private:
  std::string_view Keep(const std::string& text) { return texts_.emplace_back(text); }

  void Add(const std::string& name, const Json& value) {
    Field field{Keep(name), {}, false};
    if (value.is_object()) {
      AddTyped(value, &field);
    } else if (value.is_boolean()) {
      field.value.type = ValueView::Type::kBool;
      field.value.bool_value = value;
    } else if (value.is_number_integer()) {
      SetInt(value, &field);
    } else if (value.is_number()) {
      SetDouble(value, &field);
    } else {
      SetText(value, &field);
    }
    fields_.push_back(field);
  }

  void AddTyped(const Json& value, Field* field) {
    const std::string type = value["t"];
    if (type == "empty") return;
    const std::string text = value["v"].is_string() ? value["v"].get<std::string>() : "";
    if (type == "u64" || type == "i64") return SetInt(std::stoll(text), field);
    if (type == "f64") return SetDouble(std::stod(text), field);
    field->bare = type == "debug";
    SetText(text, field);
  }

  static void SetInt(int64_t value, Field* field) {
    field->value.type = ValueView::Type::kInt;
    field->value.int_value = value;
  }
  static void SetDouble(double value, Field* field) {
    field->value.type = ValueView::Type::kDouble;
    field->value.double_value = value;
  }
  void SetText(const std::string& text, Field* field) {
    field->value.type = ValueView::Type::kString;
    field->value.text = Keep(text);
  }

  std::deque<std::string> texts_;
  std::vector<Field> fields_;
};

// Plays one vector to a Matcher.
class Player {
 public:
  Player(const Json& vector, const FilterOptions& options)
      : matcher_(Filter::Parse(vector["filter"].get<std::string>(), options).filter) {}

  bool OpenSpan(const Json& span, const SpanScope* parent, SpanScope* scope) {
    const FieldList fields(span.value("fields", Json::object()));
    const std::string target = span["target"], name = span["name"];
    const bool enabled =
        matcher_.OpenSpan({target, LevelNamed(span), name, fields.view()}, parent, scope);
    for (const Json& late : span.value("records", Json::array())) Record(late, scope);
    return enabled;
  }

  void Record(const Json& late, SpanScope* scope) {
    matcher_.RecordFields(FieldList(late).view(), scope);
  }

  bool Event(const Json& event, const SpanScope* enclosing) {
    const FieldList fields(event.value("fields", Json::object()));
    const std::string target = event["target"];
    return matcher_.EventEnabled({target, LevelNamed(event), "", fields.view()}, enclosing);
  }

  bool RunStack(const Json& vector) {
    const SpanScope* parent = nullptr;
    for (const Json& span : vector["stack"]) {
      SpanScope& scope = scopes_[std::to_string(scopes_.size())];
      OpenSpan(span, parent, &scope);
      parent = &scope;
    }
    const Json& subject = vector["subject"];
    SpanScope unused;
    return subject["kind"] == "span" ? OpenSpan(subject, parent, &unused) : Event(subject, parent);
  }

  void RunSteps(const Json& vector) {
    for (const Json& step : vector["steps"]) {
      const std::string op = step["op"];
      bool answer = false;
      if (op == "span") answer = OpenSpan(step, Scope(step, "parent"), &scopes_[step["id"]]);
      if (op == "record") Record(step["fields"], &scopes_[step["id"]]);
      if (op == "event") answer = Event(step, Scope(step, "inside"));
      if (!step.contains("expect")) continue;
      EXPECT_EQ(answer, step["expect"].get<bool>()) << step;
    }
  }

 private:
  const SpanScope* Scope(const Json& step, const char* key) {
    return step.contains(key) ? &scopes_.at(step[key]) : nullptr;
  }

  Matcher matcher_;
  std::map<std::string, SpanScope> scopes_;
};

TEST(VectorsTest, EverySubjectIsJudgedAsListed) {
  ASSERT_EQ(Vectors()["match"].size(), 155u);
  for (const Json& vector : Vectors()["match"]) {
    for (const std::string profile : {"compat", "fixed"}) {
      SCOPED_TRACE(vector["id"].get<std::string>() + " " + profile);
      Player player(vector, OptionsOf(vector, profile));
      if (vector.contains("steps")) {
        player.RunSteps(vector);
      } else {
        EXPECT_EQ(player.RunStack(vector), vector[profile].get<bool>());
      }
    }
  }
}

void TurnOn(const std::string& name, FilterOptions* options) {
  if (name == "override") options->override_inside_spans = true;
  if (name == "static_off_wins") options->static_off_wins = true;
  if (name == "whole_segments") options->whole_segments = true;
  if (name == "loose_numbers") options->loose_numbers = true;
}

TEST(VectorsTest, EveryOptionChangesTheAnswerAsListed) {
  for (const Json& vector : Vectors()["match"]) {
    for (const Json& with : vector.value("options", Json::array())) {
      FilterOptions options = OptionsOf(vector, with["profile"]);
      TurnOn(with["option"], &options);
      EXPECT_EQ(Player(vector, options).RunStack(vector), with["expect"].get<bool>())
          << vector["id"] << " " << with;
    }
  }
}

}  // namespace
}  // namespace sluice::filter
