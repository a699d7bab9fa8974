// Bridges the pattern syntax of filters (Rust's regex) and RE2's. They agree on nearly everything;
// what means something else in each is either rewritten or refused here.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::filter {

struct Re2Pattern {
  std::string text;
  // An operator such as `*?` asks for the shortest match.
  bool has_lazy_operator = false;
};

// INVALID_ARGUMENT names what has no equal in RE2 or is no pattern in Rust: class operators (`&&`,
// `--`, `~~`, nested classes), `{`, `\Q`, `\C`, `\<`, `\>`, `\0` to `\9`, `.` and the like behind
// the flag `-u`, a group's name that is none or stands there twice. Drops the flags `u` and `R` and
// names of groups, and rewrites `\u0041` and repetitions of repetitions. Everything else is left
// for RE2 to judge.
absl::StatusOr<Re2Pattern> ToRe2(std::string_view rust_pattern);

}  // namespace sluice::filter
