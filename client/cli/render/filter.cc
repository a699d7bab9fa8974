#include "client/cli/render/filter.h"

#include <algorithm>

#include "client/cli/render/table.h"
#include "client/cli/render/text.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kIndent = "    ";

// One column a code point, as most terminals show them.
size_t Columns(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

void AppendRemark(const v1::FilterPiece& piece, const v1::FilterRemark& remark, std::string* out) {
  const size_t at = remark.offset() - std::min(remark.offset(), piece.offset());
  const std::string before = EscapeControls(piece.text().substr(0, at));
  out->append(kIndent).append(EscapeControls(piece.text())).append("\n").append(kIndent);
  out->append(Columns(before), ' ').append("^ ").append(EscapeControls(remark.message()));
  out->append("\n");
}

std::string Quoted(std::string_view directive) {
  return directive.empty() ? std::string() : '"' + EscapeControls(directive) + '"';
}

std::string RouteNames(const v1::FilterVerdict& verdict) {
  std::string names;
  for (const std::string& route : verdict.routes()) names += (names.empty() ? "" : ", ") + route;
  return names.empty() ? names : "routes: " + names;
}

}  // namespace

bool AreSound(const FilterPieces& pieces) {
  return std::ranges::all_of(pieces, [](const auto& piece) { return piece.fault().empty(); });
}

std::string RenderPieces(const FilterPieces& pieces) {
  std::string out;
  for (const v1::FilterPiece& piece : pieces) {
    const bool is_sound = piece.fault().empty();
    out += !is_sound ? "wrong  " : piece.remarks().empty() ? "ok     " : "odd    ";
    out += is_sound ? EscapeControls(piece.directive()) + "  (" + piece.looks_at() + ")\n"
                    : EscapeControls(piece.text()) + "  (" + piece.fault() + " error)\n";
    for (const v1::FilterRemark& remark : piece.remarks()) AppendRemark(piece, remark, &out);
  }
  if (out.empty()) return "no directive: such a filter lets nothing through\n";
  if (!AreSound(pieces)) out += "The agent does not use a filter of which a piece is wrong.\n";
  return out;
}

std::string RenderVerdict(const v1::FilterVerdict& verdict) {
  const std::string outcome = verdict.enabled() ? "enabled" : "disabled";
  if (verdict.directive().empty()) return outcome + ": " + verdict.reason() + '\n';
  return outcome + " by " + Quoted(verdict.directive()) + " (" + verdict.reason() + ")\n";
}

std::string RenderVerdicts(const v1::ExplainResponse& response) {
  Table table("Who takes it, and what decided");
  for (const v1::FilterVerdict& verdict : response.verdicts()) {
    table.Row({verdict.sink(), verdict.enabled() ? "yes" : "no", Quoted(verdict.directive()),
               verdict.reason(), RouteNames(verdict)});
  }
  return table.Render();
}

}  // namespace sluice::cli
