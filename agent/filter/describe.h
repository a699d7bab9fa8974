// What people read about filters: in warnings, and in the answers of `sluice filter` and
// `--explain`.
#pragma once

#include <string>
#include <string_view>

#include "agent/filter/directive.h"
#include "agent/filter/filter.h"
#include "agent/filter/matcher.h"

namespace sluice::filter {

// `"TEXT": MESSAGE (syntax error at byte N)` of a bad piece, for one-line warnings. Without control
// characters.
std::string DescribeError(const Piece& piece);

// What a directive looks at: `target`, `fields, and inside spans that have them`...
std::string_view LooksAt(const Directive& directive);

// `target`, `enclosing span`...
std::string_view ReasonText(Reason reason);

}  // namespace sluice::filter
