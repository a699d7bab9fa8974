#include "tests/support/filter/model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <regex>
#include <tuple>

namespace sluice::filter::model {
namespace {

struct Bad {
  std::string kind;
};

int LevelOf(const std::string& text) {
  static const std::regex number("\\+?0*[0-5]"),
      word("off|error|warn|info|debug|trace", std::regex::icase);
  if (std::regex_match(text, number)) return text.back() - '0';
  if (!std::regex_match(text, word)) return -1;
  switch (std::tolower(text[0])) {
    case 'o':
      return 0;
    case 'e':
      return 1;
    case 'w':
      return 2;
    case 'i':
      return 3;
    case 'd':
      return 4;
    default:
      return 5;
  }
}

FieldRule ReadField(const std::string& text, bool fixed) {
  FieldRule rule;
  const size_t equals = text.find('=');
  rule.name = text.substr(0, equals);
  if (fixed && rule.name.empty()) throw Bad{"syntax"};
  if (equals == std::string::npos) return rule;
  std::string value = text.substr(equals + 1);
  const size_t second = value.find('='), blank = value.find(' ');
  if (second != std::string::npos && (!fixed || blank < second)) value.resize(second);
  rule.text = value;
  static const std::regex integer("[+-]?[0-9]{1,18}");
  static const std::regex real("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?");
  if (value == "true" || value == "false") {
    rule.kind = 'b';
    rule.number = value == "true";
  } else if (std::regex_match(value, integer)) {
    rule.kind = 'i';
    rule.number = std::strtoll(value.c_str(), nullptr, 10);
  } else if (std::regex_match(value, real)) {
    rule.kind = 'f';
    rule.number = std::strtod(value.c_str(), nullptr);
  } else if (value == "nan") {
    rule.kind = 'n';
  } else if (fixed && value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    rule.kind = 'q';
    rule.text = value.substr(1, value.size() - 2);
  } else {
    rule.kind = 'r';
    try {
      const std::regex compiles(value);
    } catch (const std::regex_error&) {
      throw Bad{"field"};
    }
  }
  return rule;
}

// One piece, blanks cut, character by character.
Rule ReadRule(const std::string& text, bool fixed) {
  Rule rule;
  if (text.empty()) throw Bad{"syntax"};
  size_t i = 0;
  const auto c = [&] { return i < text.size() ? text[i] : '\0'; };
  const auto is_word = [](char x) {
    return std::isalnum(static_cast<unsigned char>(x)) || x == '_' || (x & 0x80);
  };
  if (!is_word(c()) && c() != '-' && c() != ':' && c() != '[') throw Bad{"syntax"};
  std::string head;
  while (i < text.size() && c() != '=' && c() != '[') head += text[i++];
  if (i == text.size()) {
    const int level = LevelOf(head);
    if (level >= 0) {
      rule.level = level;
    } else {
      rule.target = head;
    }
  } else if (!head.empty()) {
    rule.target = head;
  }
  if (c() == '[') {
    ++i;
    std::string name;
    while (i < text.size() && c() != ']' && c() != '{') name += text[i++];
    if (i == text.size()) throw Bad{"syntax"};
    if (c() == ']') {
      if (name.empty() && fixed) throw Bad{"syntax"};
      rule.span = name;
    } else if (!name.empty()) {
      rule.span = name;
    }
    while (c() == '{' || c() == ',') {
      ++i;
      std::string field;
      while (i < text.size() && c() != '}' && c() != ',') field += text[i++];
      if (i == text.size() || field.empty()) throw Bad{"syntax"};
      rule.fields.push_back(ReadField(field, fixed));
      if (c() == '}') {
        ++i;
        break;
      }
    }
    if (c() != ']') throw Bad{"syntax"};
    ++i;
    if (i < text.size() && c() != '=') throw Bad{"syntax"};
  }
  if (c() == '=') {
    const std::string word = text.substr(i + 1);
    rule.level = word.empty() ? 5 : LevelOf(word);
    if (rule.level < 0) throw Bad{"level"};
  }
  if (fixed && rule.target) {
    for (const char x : *rule.target) {
      if (!is_word(x) && std::string("-:./ ]{}").find(x) == std::string::npos) throw Bad{"syntax"};
    }
  }
  return rule;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> pieces(1);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string& piece = pieces.back();
    if (text[i] == ',') {
      pieces.emplace_back();
      continue;
    }
    const bool first_bracket = text[i] == '[' && piece.find_first_of("[=") == std::string::npos;
    piece += text[i];
    if (!first_bracket) continue;
    const size_t brace = text.find_first_of("{],", i + 1);
    if (brace == std::string::npos || text[brace] != '{') continue;
    const size_t close = text.find('}', brace);
    if (close == std::string::npos) continue;
    piece += text.substr(i + 1, close - i);
    i = close;
  }
  return pieces;
}

bool Hit(const FieldRule& rule, const FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value))
    return rule.kind == 'b' && *flag == (rule.number != 0);
  if (const auto* number = std::get_if<long long>(&value)) {
    return rule.kind == 'i' && static_cast<long double>(*number) == rule.number;
  }
  if (const auto* number = std::get_if<double>(&value)) {
    if (rule.kind == 'n') return std::isnan(*number);
    return rule.kind == 'f' && std::abs(*number - static_cast<double>(rule.number)) < 2.2e-16;
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  if (rule.kind == 'q') return *text == rule.text;
  if (rule.kind != 'r') return false;
  std::smatch match;
  if (!std::regex_search(*text, match, std::regex(rule.text))) return false;
  return match.suffix().length() == 0;
}

}  // namespace

bool Rule::operator==(const Rule& other) const {
  const auto same = [](const FieldRule& a, const FieldRule& b) {
    return a.name == b.name && a.kind == b.kind && a.text == b.text;
  };
  return target == other.target && span == other.span &&
         std::equal(fields.begin(), fields.end(), other.fields.begin(), other.fields.end(), same);
}

bool Rule::HasValues() const {
  return std::any_of(fields.begin(), fields.end(), [](const FieldRule& f) { return f.kind != 0; });
}

Model::Model(const std::string& text, bool lossy, Options options) : options_(options) {
  for (const std::string& piece : Split(text)) {
    if (piece.empty()) continue;
    const size_t first = piece.find_first_not_of(' '), last = piece.find_last_not_of(' ');
    try {
      Rule rule = ReadRule(first == std::string::npos ? "" : piece.substr(first, last - first + 1),
                           options.fixed);
      highest_ = std::max(highest_, rule.level);
      std::erase(rules_, rule);
      rules_.push_back(rule);
    } catch (const Bad& bad) {
      if (error_.empty()) error_ = bad.kind;
      if (!lossy) return;
    }
  }
  for (const Rule& rule : rules_) {
    if (rule.HasValues()) highest_ = 5;
  }
}

bool Model::Covers(const Rule& rule, const std::string& target) const {
  if (!rule.target) return true;
  if (target.substr(0, rule.target->size()) != *rule.target) return false;
  if (!options_.whole_segments || target.size() == rule.target->size()) return true;
  static const std::string kSeparators = ":./";
  const std::string rest = target.substr(rule.target->size());
  return rest[0] == '.' || rest[0] == '/' || rest.substr(0, 2) == "::" ||
         kSeparators.find(rule.target->back()) != std::string::npos;
}

std::optional<int> Model::StaticLevel(const std::string& target, const FieldMap& fields,
                                      bool look_at_fields, const Rule** decided) const {
  const auto key = [](const Rule& rule) {
    std::vector<std::string> names;
    for (const FieldRule& field : rule.fields) names.push_back(field.name);
    return std::make_tuple(rule.target ? static_cast<int>(rule.target->size()) : -1, names.size(),
                           rule.target.value_or(""), names);
  };
  const Rule* best = nullptr;
  for (const Rule& rule : rules_) {
    if (rule.span || rule.HasValues() || !Covers(rule, target)) continue;
    const auto missing = [&](const FieldRule& field) { return !fields.contains(field.name); };
    if (look_at_fields && std::any_of(rule.fields.begin(), rule.fields.end(), missing)) continue;
    if (best == nullptr || key(rule) > key(*best)) best = &rule;
  }
  if (decided != nullptr) *decided = best;
  return best == nullptr ? std::nullopt : std::optional(best->level);
}

// `values`: all of them, too; else the names alone.
bool Model::Satisfied(const Rule& rule, const std::vector<FieldMap>& records, bool values) const {
  std::map<std::string, const FieldRule*> wanted;
  for (const FieldRule& field : rule.fields) {
    const auto has = [&](const FieldMap& record) { return record.contains(field.name); };
    if (std::none_of(records.begin(), records.end(), has)) return false;
    if (field.kind != 0) wanted[field.name] = &field;
  }
  for (const auto& [name, field] : wanted) {
    bool hit = false;
    for (const FieldMap& record : records) {
      if (!record.contains(name)) continue;
      const bool now = Hit(*field, record.at(name));
      hit = options_.fixed ? now : hit || now;
    }
    if (values && !hit) return false;
  }
  return true;
}

// Most specific first.
std::vector<const Rule*> Model::Fitting(const std::string& target, const std::string& name) const {
  std::vector<const Rule*> fitting;
  for (size_t i = rules_.size(); i-- > 0;) {
    const Rule& rule = rules_[i];
    if (!rule.span && rule.fields.empty()) continue;
    if (Covers(rule, target) && (!rule.span || *rule.span == name)) fitting.push_back(&rule);
  }
  const auto rank = [](const Rule* rule) {
    return std::make_tuple(rule->target ? static_cast<int>(rule->target->size()) : -1,
                           rule->span.has_value(), rule->fields.size());
  };
  std::stable_sort(fitting.begin(), fitting.end(),
                   [&](const Rule* a, const Rule* b) { return rank(a) > rank(b); });
  return fitting;
}

bool Model::SpanEnabled(const SpanOnStack& span, const std::vector<FieldMap>& records, Scope scope,
                        bool late) const {
  const auto fitting = Fitting(span.target, span.name);
  if (options_.override_inside_spans) {
    for (const Rule* rule : fitting) {
      if (Satisfied(*rule, records, true)) return rule->level >= span.level;
    }
  }
  for (const Rule* rule : fitting) {
    if (Satisfied(*rule, records, false) && span.level <= highest_) return true;
  }
  if (late) return false;
  if (options_.override_inside_spans && scope) return *scope >= span.level;
  if (scope && *scope >= span.level) return true;
  const auto level = StaticLevel(span.target, span.fields, options_.fixed, nullptr);
  return level && *level >= span.level;
}

Model::Scope Model::Inside(const SpanOnStack& span, Scope scope) const {
  std::vector<FieldMap> records = {span.fields};
  bool enabled = SpanEnabled(span, records, scope, false);
  for (const FieldMap& later : span.later) {
    records.push_back(later);
    enabled = enabled || SpanEnabled(span, records, scope, true);
  }
  for (const Rule* rule : Fitting(span.target, span.name)) {
    if (!Satisfied(*rule, records, true)) continue;
    if (options_.override_inside_spans) return rule->level;
    if (enabled) scope = std::max(scope.value_or(0), rule->level);
  }
  return scope;
}

bool Model::EventEnabled(const Question& event, Scope scope) const {
  const Rule* decided = nullptr;
  const auto level = StaticLevel(event.target, event.fields, true, &decided);
  if (options_.static_off_wins && decided != nullptr && decided->level == 0 && decided->target) {
    return false;
  }
  if (options_.fixed) {
    for (const Rule* rule : Fitting(event.target, "")) {
      if (rule->span || !rule->HasValues() || !Satisfied(*rule, {event.fields}, true)) continue;
      if (options_.override_inside_spans || rule->level >= event.level) {
        return rule->level >= event.level;
      }
    }
  }
  if (options_.override_inside_spans && scope) return *scope >= event.level;
  if (scope && *scope >= event.level) return true;
  return level && *level >= event.level;
}

bool Model::Enabled(const Question& question) const {
  Scope scope;
  for (const SpanOnStack& span : question.stack) scope = Inside(span, scope);
  if (!question.is_span) return EventEnabled(question, scope);
  const SpanOnStack span{question.level, question.target, question.name, question.fields, {}};
  return SpanEnabled(span, {question.fields}, scope, false);
}

}  // namespace sluice::filter::model
