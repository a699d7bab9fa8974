// Every case of testdata/envfilter_vectors.json, in both profiles and with its options.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "agent/filter/filter.h"
#include "agent/filter/targets.h"
#include "gtest/gtest.h"
#include "tests/support/filter/json_case.h"

namespace sluice::filter {
namespace {

const Json& Vectors() {
  static const Json* const vectors = new Json(Json::parse(std::ifstream(SLUICE_FILTER_VECTORS)));
  return *vectors;
}

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

std::shared_ptr<const Filter> FilterOf(const Json& vector, const FilterOptions& options) {
  return Filter::Parse(vector["filter"].get<std::string>(), options).filter;
}

// The steps of a vector, each of which may expect an answer.
void RunSteps(const Json& vector, Player* player) {
  for (const Json& step : vector["steps"]) {
    const auto answer = player->RunStep(step);
    if (!step.contains("expect")) continue;
    EXPECT_EQ(answer, step["expect"].get<bool>()) << step;
  }
}

TEST(VectorsTest, EverySubjectIsJudgedAsListed) {
  ASSERT_EQ(Vectors()["match"].size(), 155u);
  for (const Json& vector : Vectors()["match"]) {
    for (const std::string profile : {"compat", "fixed"}) {
      SCOPED_TRACE(vector["id"].get<std::string>() + " " + profile);
      Player player(FilterOf(vector, OptionsOf(vector, profile)));
      if (vector.contains("steps")) {
        RunSteps(vector, &player);
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
      EXPECT_EQ(Player(FilterOf(vector, options)).RunStack(vector), with["expect"].get<bool>())
          << vector["id"] << " " << with;
    }
  }
}

}  // namespace
}  // namespace sluice::filter
