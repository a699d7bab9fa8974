#include "tests/support/filter/json_case.h"

#include <cstdlib>

namespace sluice::filter {
namespace {

Level LevelNamed(const Json& described) {
  return *ParseLevel(described["level"].get<std::string>());
}

void SetInt(int64_t value, Field* field) {
  field->value.type = ValueView::Type::kInt;
  field->value.int_value = value;
}

void SetDouble(double value, Field* field) {
  field->value.type = ValueView::Type::kDouble;
  field->value.double_value = value;
}

}  // namespace

FilterOptions OptionsOf(const Json& described, const std::string& profile) {
  FilterOptions options;
  options.profile = profile == "fixed" ? Profile::kFixed : Profile::kCompat;
  options.patterns = described.value("patterns", true);
  if (described.contains("default")) {
    options.default_level = ParseLevelFilter(described["default"].get<std::string>());
  }
  return options;
}

FieldList::FieldList(const Json& fields) {
  for (const auto& [name, value] : fields.items()) Add(name, value);
}

void FieldList::Add(const std::string& name, const Json& value) {
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

void FieldList::AddTyped(const Json& value, Field* field) {
  const std::string type = value["t"];
  if (type == "empty") return;
  const std::string text = value["v"].is_string() ? value["v"].get<std::string>() : "";
  if (type == "u64" || type == "i64") return SetInt(std::stoll(text), field);
  if (type == "f64") return SetDouble(std::stod(text), field);
  field->bare = type == "debug";
  SetText(text, field);
}

void FieldList::SetText(const std::string& text, Field* field) {
  field->value.type = ValueView::Type::kString;
  field->value.text = Keep(text);
}

bool Player::OpenSpan(const Json& span, const SpanScope* parent, SpanScope* scope) {
  const FieldList fields(span.value("fields", Json::object()));
  const std::string target = span["target"], name = span["name"];
  const bool enabled =
      matcher_.OpenSpan({target, LevelNamed(span), name, fields.view()}, parent, scope);
  for (const Json& late : span.value("records", Json::array())) {
    matcher_.RecordFields(FieldList(late).view(), scope);
  }
  return enabled;
}

bool Player::Event(const Json& event, const SpanScope* enclosing) {
  const FieldList fields(event.value("fields", Json::object()));
  const std::string target = event["target"];
  return matcher_.EventEnabled({target, LevelNamed(event), "", fields.view()}, enclosing);
}

bool Player::RunStack(const Json& described) {
  const SpanScope* parent = nullptr;
  for (const Json& span : described["stack"]) {
    SpanScope& scope = scopes_[std::to_string(scopes_.size())];
    OpenSpan(span, parent, &scope);
    parent = &scope;
  }
  const Json& subject = described["subject"];
  SpanScope unused;
  return subject["kind"] == "span" ? OpenSpan(subject, parent, &unused) : Event(subject, parent);
}

std::optional<bool> Player::RunStep(const Json& step) {
  const std::string op = step["op"];
  if (op == "span") return OpenSpan(step, Scope(step, "parent"), &scopes_[step["id"]]);
  if (op == "event") return Event(step, Scope(step, "inside"));
  matcher_.RecordFields(FieldList(step["fields"]).view(), &scopes_[step["id"]]);
  return std::nullopt;
}

const SpanScope* Player::Scope(const Json& step, const char* key) {
  return step.contains(key) ? &scopes_.at(step[key]) : nullptr;
}

}  // namespace sluice::filter
