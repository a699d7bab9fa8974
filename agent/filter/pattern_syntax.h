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

// INVALID_ARGUMENT names what has no equal in RE2: class operators (`&&`, `--`, `~~`, nested
// classes),
// `{`, `\Q`, `\C`. Drops the flag `u`. Everything else is left for RE2 to judge.
absl::StatusOr<Re2Pattern> ToRe2(std::string_view rust_pattern);

}  // namespace sluice::filter
