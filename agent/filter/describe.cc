#include "agent/filter/describe.h"

#include <algorithm>

#include "agent/filter/text.h"

namespace sluice::filter {
namespace {

// Without control characters, which a terminal would obey.
std::string Shown(std::string text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  return text;
}

}  // namespace

std::string_view LooksAt(const Directive& directive) {
  if (!directive.is_dynamic()) return "target";
  if (directive.is_static()) return "fields, and inside spans that have them";
  return "inside spans that match";
}

std::string_view ReasonText(Reason reason) {
  switch (reason) {
    case Reason::kNoDirective:
      return "no directive applies";
    case Reason::kStatic:
      return "target";
    case Reason::kStaticOff:
      return "off for this target";
    case Reason::kScope:
      return "enclosing span";
    case Reason::kMatchedSpan:
      return "the span itself";
    case Reason::kOwnValues:
      return "the event's own fields";
  }
  return "";
}

std::string DescribeError(const Piece& piece) {
  const Remark& error = piece.parsed.error;
  return StrJoin({"\"", Shown(piece.text), "\": ", Shown(error.message), " (",
                  FaultName(piece.parsed.fault), " error at byte ", std::to_string(error.offset),
                  ")"});
}

}  // namespace sluice::filter
