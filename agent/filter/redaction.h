// What of attributes and text is not to be kept: patterns for keys and for values, compiled once.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace re2 {
class RE2;
}

namespace sluice::filter {

// What stands in place of it.
inline constexpr std::string_view kRedacted = "[redacted]";

// Constant once made; used by any number of threads.
class Redaction {
 public:
  static constexpr size_t kMaxRules = 64;
  static constexpr size_t kMaxRuleBytes = 1024;

  // Each rule is `key=PATTERN` or `value=PATTERN`, a regular expression in RE2's syntax. A key is
  // covered where the pattern matches all of it, in a text each part that a pattern matches.
  // Without rules: null. INVALID_ARGUMENT names the rule: of neither kind, too long, not a pattern,
  // or one that matches nothing at all, which would stand between any two letters.
  static absl::StatusOr<std::shared_ptr<const Redaction>> Compile(
      const std::vector<std::string>& rules);
  ~Redaction();

  bool CoversKey(std::string_view key) const;
  // How many parts of the text were replaced.
  size_t Apply(std::string* text) const;
  // Whether Apply would replace any.
  bool CoversText(std::string_view text) const;

 private:
  Redaction() = default;
  absl::Status Add(std::string_view rule);

  std::vector<std::unique_ptr<re2::RE2>> keys_;
  std::vector<std::unique_ptr<re2::RE2>> values_;
};

}  // namespace sluice::filter
