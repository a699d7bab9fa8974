// The value part of `{field=value}`: what it compares with, compiled once.
//
// Tried in this order: `true` or `false`; an unsigned, then a signed 64-bit integer; a floating
// point number (Rust's syntax: optional sign, `5.`, `.5`, `inf`, `nan`); else a pattern, or literal
// text where patterns are off. A literal never matches a value of another type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "agent/filter/fields.h"

namespace re2 {
class RE2;
}

namespace sluice::filter {

enum class Profile : uint8_t;

// Bytes of a pattern's text.
inline constexpr size_t kMaxPatternBytes = 1024;
// Bytes of a text value that are looked at; a longer value is judged as if it ended there.
inline constexpr size_t kMaxValueBytes = 4096;
// What one compiled pattern may take, its caches included, and the patterns of one filter together.
// Past the latter, each further pattern gets kMinPatternMemory.
inline constexpr int64_t kMaxPatternMemory = 8 << 20;
inline constexpr int64_t kMaxFilterMemory = 64 << 20;
inline constexpr int64_t kMinPatternMemory = 256 << 10;

// Hands out the memory limits of one filter's patterns.
class PatternBudget {
 public:
  int64_t Take();

 private:
  int64_t left_ = kMaxFilterMemory;
};

struct ValueOptions {
  Profile profile;
  bool patterns = true;
  PatternBudget* budget = nullptr;
};

using TypedValue = std::variant<bool, uint64_t, int64_t, double>;
// A bool or number as Rust spells them; nullopt for any other text. Of an integer, uint64_t first.
std::optional<TypedValue> ParseTypedValue(std::string_view text);

// Immutable and thread-safe.
class ValuePattern {
 public:
  enum class Kind : uint8_t { kBool, kUnsigned, kSigned, kDouble, kNan, kRegex, kLiteral, kExact };

  // INVALID_ARGUMENT: the pattern does not compile; RESOURCE_EXHAUSTED: it is too long or too
  // large.
  static absl::StatusOr<std::shared_ptr<const ValuePattern>> Parse(std::string_view text,
                                                                   const ValueOptions& options);
  ~ValuePattern();

  Kind kind() const { return kind_; }
  // As it was written; of kExact without its quotes.
  const std::string& text() const { return text_; }
  std::string Format() const { return kind_ == Kind::kExact ? '"' + text_ + '"' : text_; }

  // `loose_numbers`: text that spells a number or bool is compared as that, too.
  bool Matches(const Field& field, bool loose_numbers) const;

 private:
  ValuePattern() = default;
  void SetTyped(const TypedValue& value);
  absl::Status CompileRegex(const ValueOptions& options);
  bool MatchesTyped(const TypedValue& value) const;
  bool MatchesInteger(const TypedValue& value) const;
  bool MatchesDouble(double value) const;
  bool MatchesText(const Field& field) const;
  bool MatchesRegex(std::string_view text) const;
  bool MatchesLoosely(std::string_view text) const;

  Kind kind_ = Kind::kLiteral;
  std::string text_;
  TypedValue typed_;
  std::unique_ptr<re2::RE2> regex_;
};

}  // namespace sluice::filter
