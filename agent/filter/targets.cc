#include "agent/filter/targets.h"

#include <algorithm>
#include <tuple>

#include "agent/base/status_macros.h"
#include "agent/filter/text.h"

namespace sluice::filter {
namespace {

absl::Status Bad(std::string_view fault, std::string_view what, std::string_view piece) {
  return absl::InvalidArgumentError(StrJoin({fault, ": ", what, " in \"", piece, "\""}));
}

// `target` or `target[{name}]`. The brackets are plain text unless both are there.
absl::Status ParseTarget(std::string_view text, std::string_view piece, Directive* directive) {
  const size_t open = text.find("[{");
  if (open != std::string_view::npos) {
    if (!text.ends_with("}]")) return Bad("syntax", "'[{' without '}]'", piece);
    directive->fields.push_back(
        {std::string(text.substr(open + 2, text.size() - open - 4)), nullptr});
    text = text.substr(0, open);
  }
  directive->target = text;
  return absl::OkStatus();
}

absl::StatusOr<Directive> ParsePiece(std::string_view piece) {
  Directive directive;
  const size_t equals = piece.find('=');
  if (equals == std::string_view::npos) {
    if (piece.empty()) directive.level = LevelFilter::kError;
    const auto level = ParseLevelFilter(piece);
    if (level.has_value()) directive.level = *level;
    if (!level.has_value() && !piece.empty()) directive.target = piece;
    return directive;
  }
  const std::string_view word = piece.substr(equals + 1);
  if (word.find('=') != std::string_view::npos) return Bad("syntax", "a second '='", piece);
  RETURN_IF_ERROR(ParseTarget(piece.substr(0, equals), piece, &directive));
  const auto level = word.empty() ? LevelFilter::kError : ParseLevelFilter(word);
  if (!level.has_value()) return Bad("level", StrJoin({"\"", word, "\" is not a level"}), piece);
  directive.level = *level;
  return directive;
}

auto Key(const Directive& d) {
  return std::make_tuple(d.target.has_value() ? static_cast<int>(d.target->size()) : -1,
                         d.fields.size(), d.target.value_or(""),
                         d.fields.empty() ? std::string() : d.fields[0].name);
}

void Insert(Directive directive, std::vector<Directive>* directives) {
  std::erase_if(*directives, [&](const Directive& other) { return Key(other) == Key(directive); });
  const auto at = std::find_if(directives->begin(), directives->end(),
                               [&](const Directive& other) { return Key(other) < Key(directive); });
  directives->insert(at, std::move(directive));
}

}  // namespace

absl::StatusOr<Targets> Targets::Parse(std::string_view text) {
  Targets targets;
  while (true) {
    const size_t comma = text.find(',');
    ASSIGN_OR_RETURN(Directive directive, ParsePiece(text.substr(0, comma)));
    Insert(std::move(directive), &targets.directives_);
    if (comma == std::string_view::npos) return targets;
    text.remove_prefix(comma + 1);
  }
}

Targets Targets::Of(std::string_view prefix, LevelFilter level) {
  Targets targets;
  targets.directives_.push_back({.target = std::string(prefix), .level = level});
  return targets;
}

bool Targets::Takes(std::string_view target, Level level) const {
  for (const Directive& directive : directives_) {
    if (!directive.fields.empty() || !target.starts_with(directive.target.value_or(""))) continue;
    return Allows(directive.level, level);
  }
  return false;
}

LevelSummary Targets::Summarize() const {
  LevelSummary summary;
  for (const Directive& directive : directives_) {
    if (!directive.fields.empty()) continue;
    const std::string prefix = directive.target.value_or("");
    // An empty target goes before no target, and comes first in directives_ order.
    summary.targets.push_back({prefix, directive.level});
  }
  summary.Normalize();
  return summary;
}

std::string Targets::Format() const {
  std::string text;
  for (const Directive& directive : directives_) {
    if (&directive != directives_.data()) text.push_back(',');
    if (directive.target.has_value()) text.append(*directive.target);
    if (!directive.fields.empty()) text.append("[{").append(directive.fields[0].name).append("}]");
    if (directive.target.has_value()) text.push_back('=');
    text.append(LevelFilterName(directive.level));
  }
  return text;
}

}  // namespace sluice::filter
