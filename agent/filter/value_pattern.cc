#include "agent/filter/value_pattern.h"

#include <re2/re2.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "agent/base/status_macros.h"
#include "agent/filter/directive.h"
#include "agent/filter/pattern_syntax.h"
#include "proto/text/rust_debug.h"
#include "proto/wire/utf8.h"

namespace sluice::filter {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool TakeSign(std::string_view* text) {
  if (!text->starts_with('+') && !text->starts_with('-')) return false;
  text->remove_prefix(1);
  return true;
}

size_t TakeDigits(std::string_view* text) {
  size_t count = 0;
  while (count < text->size() && IsDigit((*text)[count])) ++count;
  text->remove_prefix(count);
  return count;
}

bool EqualsIgnoreCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != lower[i]) return false;
  }
  return true;
}

// As `f64::from_str`: no blanks, no hexadecimal digits, no `nan(...)`.
bool IsRustFloat(std::string_view text) {
  TakeSign(&text);
  for (const std::string_view word : {"inf", "infinity", "nan"}) {
    if (EqualsIgnoreCase(text, word)) return true;
  }
  size_t digits = TakeDigits(&text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits += TakeDigits(&text);
  }
  if (digits == 0) return false;
  if (!text.starts_with('e') && !text.starts_with('E')) return text.empty();
  text.remove_prefix(1);
  TakeSign(&text);
  return TakeDigits(&text) > 0 && text.empty();
}

template <typename Integer>
bool ParseInteger(std::string_view text, Integer* value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool IsQuoted(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"';
}

std::string_view LookedAt(std::string_view text) {
  return text.substr(0, Utf8Boundary(text, kMaxValueBytes));
}

}  // namespace

std::optional<TypedValue> ParseTypedValue(std::string_view text) {
  if (text == "true" || text == "false") return TypedValue(text == "true");
  // A second sign is no number: `+-1` must not pass the first.
  const bool two_signs = text.size() > 1 && text[0] == '+' && !IsDigit(text[1]);
  if (uint64_t number; !two_signs && ParseInteger(text, &number)) return TypedValue(number);
  if (int64_t number; !two_signs && ParseInteger(text, &number)) return TypedValue(number);
  if (!IsRustFloat(text)) return std::nullopt;
  double number = 0;
  // Out of range is infinity or zero, as in Rust.
  (void)absl::SimpleAtod({text.data(), text.size()}, &number);
  return TypedValue(number);
}

int64_t PatternBudget::Take() {
  const int64_t share = left_ >= kMaxPatternMemory ? kMaxPatternMemory : kMinPatternMemory;
  left_ -= share;
  return share;
}

ValuePattern::~ValuePattern() = default;

absl::StatusOr<std::shared_ptr<const ValuePattern>> ValuePattern::Parse(
    std::string_view text, const ValueOptions& options) {
  auto pattern = std::shared_ptr<ValuePattern>(new ValuePattern);
  pattern->text_ = text;
  if (text.size() > kMaxPatternBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("value is longer than ", kMaxPatternBytes, " bytes"));
  }
  if (const auto value = ParseTypedValue(text)) {
    pattern->SetTyped(*value);
  } else if (!options.patterns) {
    pattern->kind_ = Kind::kLiteral;
  } else if (options.profile == Profile::kFixed && IsQuoted(text)) {
    pattern->kind_ = Kind::kExact;
    pattern->text_ = text.substr(1, text.size() - 2);
  } else {
    RETURN_IF_ERROR(pattern->CompileRegex(options));
  }
  return pattern;
}

void ValuePattern::SetTyped(const TypedValue& value) {
  static constexpr Kind kKinds[] = {Kind::kBool, Kind::kUnsigned, Kind::kSigned, Kind::kDouble};
  typed_ = value;
  kind_ = kKinds[value.index()];
  if (const auto* number = std::get_if<double>(&typed_); number && std::isnan(*number)) {
    kind_ = Kind::kNan;
  }
}

absl::Status ValuePattern::CompileRegex(const ValueOptions& options) {
  kind_ = Kind::kRegex;
  ASSIGN_OR_RETURN(const Re2Pattern pattern, ToRe2(text_));
  PatternBudget own_budget;
  re2::RE2::Options re2_options;
  re2_options.set_log_errors(false);
  re2_options.set_max_mem((options.budget != nullptr ? options.budget : &own_budget)->Take());
  re2_options.set_longest_match(options.profile == Profile::kFixed && !pattern.has_lazy_operator);
  regex_ = std::make_unique<re2::RE2>(pattern.text, re2_options);
  if (regex_->ok()) return absl::OkStatus();
  if (regex_->error_code() == re2::RE2::ErrorPatternTooLarge) {
    return absl::ResourceExhaustedError("pattern is too large when compiled");
  }
  return absl::InvalidArgumentError(absl::StrCat("pattern does not compile: ", regex_->error()));
}

bool ValuePattern::Matches(const Field& field, bool loose_numbers) const {
  switch (field.value.type) {
    case ValueView::Type::kBool:
      return MatchesTyped(TypedValue(field.value.bool_value));
    case ValueView::Type::kInt:
      return MatchesTyped(TypedValue(field.value.int_value));
    case ValueView::Type::kDouble:
      return MatchesTyped(TypedValue(field.value.double_value));
    case ValueView::Type::kString:
      return MatchesText(field) || (loose_numbers && MatchesLoosely(field.value.text));
    default:
      return false;
  }
}

bool ValuePattern::MatchesTyped(const TypedValue& value) const {
  switch (kind_) {
    case Kind::kBool:
      return value == typed_;
    case Kind::kUnsigned:
    case Kind::kSigned:
      return MatchesInteger(value);
    case Kind::kDouble:
    case Kind::kNan: {
      const auto* number = std::get_if<double>(&value);
      return number != nullptr && MatchesDouble(*number);
    }
    default:
      return false;
  }
}

// All integers are alike: on the wire there is one integer type.
bool ValuePattern::MatchesInteger(const TypedValue& value) const {
  const auto equals = [this](auto number) {
    if (const auto* own = std::get_if<uint64_t>(&typed_)) return std::cmp_equal(*own, number);
    return std::cmp_equal(std::get<int64_t>(typed_), number);
  };
  if (const auto* number = std::get_if<int64_t>(&value)) return equals(*number);
  if (const auto* number = std::get_if<uint64_t>(&value)) return equals(*number);
  return false;
}

bool ValuePattern::MatchesDouble(double value) const {
  if (kind_ == Kind::kNan) return std::isnan(value);
  const double own = std::get<double>(typed_);
  return value == own || std::abs(value - own) < std::numeric_limits<double>::epsilon();
}

bool ValuePattern::MatchesText(const Field& field) const {
  const std::string_view text = LookedAt(field.value.text);
  switch (kind_) {
    case Kind::kRegex:
      return MatchesRegex(text);
    case Kind::kExact:
      return text == text_ ||
             (field.bare && IsQuoted(text) && text.substr(1, text.size() - 2) == text_);
    case Kind::kLiteral: {
      if (field.bare) return text == text_;
      std::string debug;
      AppendRustDebug(text, &debug);
      return debug == text_;
    }
    default:
      return false;
  }
}

bool ValuePattern::MatchesRegex(std::string_view text) const {
  re2::StringPiece match;
  const re2::StringPiece whole(text.data(), text.size());
  return regex_->Match(whole, 0, whole.size(), re2::RE2::UNANCHORED, &match, 1) &&
         match.data() + match.size() == whole.data() + whole.size();
}

bool ValuePattern::MatchesLoosely(std::string_view text) const {
  const auto value = ParseTypedValue(LookedAt(text));
  return value.has_value() && MatchesTyped(*value);
}

}  // namespace sluice::filter
