// What people read about filters: pieces with their carets, verdicts with their directive.
#include <algorithm>
#include <string>

#include "agent/filter/filter.h"
#include "agent/filter/matcher.h"
#include "agent/filter/text.h"

namespace sluice::filter {
namespace {

// Without control characters, which would move the caret or worse.
std::string Shown(std::string text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  return text;
}

// The text and a caret below one of its bytes.
void AppendCaret(const Piece& piece, const Remark& remark, std::string* out) {
  const std::string shown = Shown(piece.text);
  const size_t column = remark.offset - std::min(remark.offset, piece.offset);
  // One column a code point: continuation bytes take none.
  const auto columns = std::count_if(shown.begin(), shown.begin() + std::min(column, shown.size()),
                                     [](char c) { return (c & 0xc0) != 0x80; });
  out->append("    ").append(shown).append("\n    ");
  out->append(static_cast<size_t>(columns), ' ')
      .append("^ ")
      .append(Shown(remark.message))
      .append("\n");
}

std::string_view KindOf(const Directive& directive) {
  if (!directive.is_dynamic()) return "by target";
  if (directive.is_static()) return "by field; and inside spans that have it";
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

}  // namespace

std::string DescribePiece(const Piece& piece) {
  const ParsedDirective& parsed = piece.parsed;
  std::string out;
  if (parsed.fault == Fault::kNone) {
    out = StrJoin({Shown(piece.text), ": ", Shown(parsed.directive.Format()), " (",
                   KindOf(parsed.directive), ")\n"});
  } else {
    out = StrJoin({Shown(piece.text), ": ", FaultName(parsed.fault), " error\n"});
    AppendCaret(piece, parsed.error, &out);
  }
  for (const Remark& warning : parsed.warnings) AppendCaret(piece, warning, &out);
  return out;
}

std::string DescribeError(const Piece& piece) {
  const Remark& error = piece.parsed.error;
  return StrJoin({"\"", Shown(piece.text), "\": ", Shown(error.message), " (",
                  FaultName(piece.parsed.fault), " error at byte ", std::to_string(error.offset),
                  ")"});
}

std::string DescribeVerdict(const Filter& filter, const Verdict& verdict) {
  const std::string_view outcome = verdict.enabled ? "enabled" : "disabled";
  if (verdict.directive < 0) return StrJoin({outcome, ": ", ReasonText(verdict.reason)});
  const Directive& directive = filter.directives()[static_cast<size_t>(verdict.directive)];
  return StrJoin(
      {outcome, " by \"", Shown(directive.Format()), "\" (", ReasonText(verdict.reason), ")"});
}

}  // namespace sluice::filter
