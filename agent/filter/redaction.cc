#include "agent/filter/redaction.h"

#include <re2/re2.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::filter {
namespace {

constexpr int64_t kPatternMemory = 8 << 20;

absl::Status RuleError(std::string_view rule, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("`", std::string(rule), "`: ", what));
}

bool TakeKind(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

re2::StringPiece AsPiece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Redaction::~Redaction() = default;

absl::StatusOr<std::shared_ptr<const Redaction>> Redaction::Compile(
    const std::vector<std::string>& rules) {
  if (rules.empty()) return nullptr;
  if (rules.size() > kMaxRules) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxRules, " rules"));
  }
  std::shared_ptr<Redaction> redaction(new Redaction);
  for (const std::string& rule : rules) RETURN_IF_ERROR(redaction->Add(rule));
  return redaction;
}

absl::Status Redaction::Add(std::string_view rule) {
  if (rule.size() > kMaxRuleBytes) {
    return RuleError(rule.substr(0, 32), absl::StrCat("longer than ", kMaxRuleBytes, " bytes"));
  }
  std::string_view pattern = rule;
  const bool is_key = TakeKind(&pattern, "key=");
  if (!is_key && !TakeKind(&pattern, "value=")) {
    return RuleError(rule, "begins neither with `key=` nor with `value=`");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemory);
  auto compiled = std::make_unique<re2::RE2>(AsPiece(pattern), options);
  if (!compiled->ok()) return RuleError(rule, compiled->error());
  if (!is_key && re2::RE2::PartialMatch("", *compiled)) {
    return RuleError(rule, "matches where there is nothing");
  }
  (is_key ? keys_ : values_).push_back(std::move(compiled));
  return absl::OkStatus();
}

bool Redaction::CoversKey(std::string_view key) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& pattern) {
    return re2::RE2::FullMatch(AsPiece(key), *pattern);
  });
}

bool Redaction::CoversText(std::string_view text) const {
  return std::any_of(values_.begin(), values_.end(), [&](const auto& pattern) {
    return re2::RE2::PartialMatch(AsPiece(text), *pattern);
  });
}

size_t Redaction::Apply(std::string* text) const {
  int count = 0;
  for (const auto& pattern : values_) {
    count += re2::RE2::GlobalReplace(text, *pattern, AsPiece(kRedacted));
  }
  return static_cast<size_t>(count);
}

}  // namespace sluice::filter
