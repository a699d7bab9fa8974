#include "agent/filter/filter.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "agent/filter/text.h"
#include "proto/wire/utf8.h"

namespace sluice::filter {
namespace {

constexpr size_t kNoPlace = std::string_view::npos;
// Of a filter that is too long.
constexpr size_t kShownBytes = 64;

// Behind the field list that opens within the bracket at `open`, or kNoPlace where there is none
// that closes.
size_t FieldListEnd(std::string_view text, size_t open) {
  size_t end = text.find_first_of("],{", open);
  if (end == kNoPlace || text[end] != '{') return kNoPlace;
  end = text.find('}', end);
  return end == kNoPlace ? kNoPlace : end + 1;
}

// Commas within a field list belong to the piece; no other comma does.
size_t PieceEnd(std::string_view text, size_t begin) {
  size_t end = text.find_first_of(",=[", begin);
  if (end != kNoPlace && text[end] == '[') {
    const size_t closed = FieldListEnd(text, end);
    if (closed != kNoPlace) end = closed;
  }
  end = end == kNoPlace ? end : text.find(',', end);
  return std::min(end, text.size());
}

int TargetLength(const Directive& directive) {
  return directive.target.has_value() ? static_cast<int>(directive.target->size()) : -1;
}

std::vector<std::string_view> FieldNames(const Directive& directive) {
  std::vector<std::string_view> names;
  for (const FieldTest& field : directive.fields) names.push_back(field.name);
  return names;
}

// Longest target, most names, then the greater target, the greater list of names.
bool StaticBefore(const Directive& a, const Directive& b) {
  const auto key = [](const Directive& d) {
    return std::make_tuple(TargetLength(d), d.fields.size(), d.target.value_or(""), FieldNames(d));
  };
  return key(a) > key(b);
}

std::tuple<int, bool, size_t> DynamicRank(const Directive& d) {
  return {TargetLength(d), d.span.has_value(), d.fields.size()};
}

bool SameTest(const FieldTest& a, const FieldTest& b) {
  if (a.name != b.name || (a.value == nullptr) != (b.value == nullptr)) return false;
  return a.value == nullptr ||
         (a.value->kind() == b.value->kind() && a.value->text() == b.value->text());
}

bool SamePlace(const Directive& a, const Directive& b) {
  return a.target == b.target && a.span == b.span &&
         std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(), SameTest);
}

bool EndsSegment(std::string_view target, size_t size) {
  if (size == target.size() || size == 0) return true;
  const std::string_view rest = target.substr(size);
  const auto is_separator = [](char c) { return c == ':' || c == '.' || c == '/'; };
  return is_separator(target[size - 1]) || rest.starts_with("::") || rest[0] == '.' ||
         rest[0] == '/';
}

// Counts against the limits of one filter.
class Budget {
 public:
  explicit Budget(const FilterOptions& options)
      : directive_options_{options.profile, options.patterns, &patterns_} {}

  ParsedDirective Parse(std::string_view piece) {
    if (directives_ == kMaxDirectives) {
      return Refuse("more directives than " + std::to_string(kMaxDirectives));
    }
    ParsedDirective parsed = ParseDirective(piece, directive_options_);
    if (parsed.fault != Fault::kNone) return parsed;
    if (fields_ + parsed.directive.fields.size() > kMaxFieldTests) {
      return Refuse("more fields than " + std::to_string(kMaxFieldTests));
    }
    ++directives_;
    fields_ += parsed.directive.fields.size();
    return parsed;
  }

  static ParsedDirective Refuse(std::string message) {
    ParsedDirective refused;
    refused.fault = Fault::kLimit;
    refused.error.message = std::move(message);
    return refused;
  }

 private:
  PatternBudget patterns_;
  DirectiveOptions directive_options_;
  size_t directives_ = 0;
  size_t fields_ = 0;
};

Piece MakePiece(std::string_view text, size_t offset, ParsedDirective parsed) {
  const std::string_view trimmed = TrimWhiteSpace(text);
  const size_t lead = trimmed.empty() ? 0 : static_cast<size_t>(trimmed.data() - text.data());
  Piece piece{offset + lead, std::string(trimmed), std::move(parsed)};
  piece.parsed.error.offset += offset;
  for (Remark& warning : piece.parsed.warnings) warning.offset += offset;
  return piece;
}

std::vector<Piece> ParsePieces(std::string_view text, const FilterOptions& options) {
  std::vector<Piece> pieces;
  if (text.size() > kMaxFilterBytes) {
    ParsedDirective refused =
        Budget::Refuse("the filter is longer than " + std::to_string(kMaxFilterBytes) + " bytes");
    pieces.push_back(
        MakePiece(text.substr(0, Utf8Boundary(text.substr(0, text.find(',')), kShownBytes)), 0,
                  std::move(refused)));
    return pieces;
  }
  Budget budget(options);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = PieceEnd(text, begin);
    const std::string_view piece = text.substr(begin, end - begin);
    if (!piece.empty()) pieces.push_back(MakePiece(piece, begin, budget.Parse(piece)));
    begin = end + 1;
  }
  return pieces;
}

}  // namespace

Filter::ParseResult Filter::Parse(std::string_view text, const FilterOptions& options) {
  ParseResult result{nullptr, ParsePieces(text, options)};
  if (!options.lossy && result.first_error() != nullptr) return result;
  std::vector<Directive> directives;
  for (const Piece& piece : result.pieces) {
    if (piece.parsed.fault == Fault::kNone) directives.push_back(piece.parsed.directive);
  }
  if (directives.empty() && options.default_level.has_value()) {
    directives.push_back({.level = *options.default_level});
  }
  result.filter = Of(std::move(directives), options);
  return result;
}

std::shared_ptr<const Filter> Filter::Of(std::vector<Directive> directives,
                                         const FilterOptions& options) {
  auto filter = std::shared_ptr<Filter>(new Filter(options));
  filter->Index(std::move(directives));
  return filter;
}

void Filter::Index(std::vector<Directive> directives) {
  for (Directive& directive : directives) {
    // A replaced directive still counts for the maximum levels, as in EnvFilter.
    if (directive.is_static()) max_static_level_ = std::max(max_static_level_, directive.level);
    if (directive.is_dynamic()) max_dynamic_level_ = std::max(max_dynamic_level_, directive.level);
    std::erase_if(directives_,
                  [&](const Directive& earlier) { return SamePlace(earlier, directive); });
    directives_.push_back(std::move(directive));
  }
  bool values = false;
  for (uint16_t i = 0; i < directives_.size(); ++i) {
    if (directives_[i].is_static()) statics_.push_back(i);
    if (directives_[i].is_dynamic()) dynamics_.push_back(i);
    values = values || directives_[i].has_values();
  }
  std::sort(statics_.begin(), statics_.end(), [this](uint16_t a, uint16_t b) {
    return StaticBefore(directives_[a], directives_[b]);
  });
  std::sort(dynamics_.begin(), dynamics_.end(), [this](uint16_t a, uint16_t b) {
    return std::make_tuple(DynamicRank(directives_[a]), a) >
           std::make_tuple(DynamicRank(directives_[b]), b);
  });
  max_level_ = values ? LevelFilter::kTrace : std::max(max_static_level_, max_dynamic_level_);
}

bool Filter::CoversTarget(const Directive& directive, std::string_view target) const {
  if (!directive.target.has_value()) return true;
  if (!target.starts_with(*directive.target)) return false;
  return !options_.whole_segments || EndsSegment(target, directive.target->size());
}

// Every target text is covered by the directives that cover the longest listed prefix of it, and by
// no others; so one bound for each listed prefix is enough. Only where a prefix must end a segment
// it is open whether a directive covers what continues its target, so it bounds without deciding.
LevelSummary Filter::Summarize() const {
  LevelSummary summary;
  const auto bound = [this](std::string_view prefix) {
    LevelFilter level = max_dynamic_level_;  // inside a matched span, whatever the target
    for (const uint16_t i : statics_) {
      const Directive& directive = directives_[i];
      if (directive.target.has_value() && !prefix.starts_with(*directive.target)) continue;
      level = std::max(level, directive.level);
      const bool open = options_.whole_segments && directive.target.has_value();
      if (directive.fields.empty() && !open) break;
    }
    for (const uint16_t i : dynamics_) {
      const Directive& directive = directives_[i];
      const bool may_match = !directive.target.has_value() || prefix.starts_with(*directive.target);
      if (may_match) level = std::max(level, max_level_);
    }
    return level;
  };
  summary.otherwise = bound("");
  for (const Directive& directive : directives_) {
    if (directive.target.has_value()) {
      summary.targets.push_back({*directive.target, bound(*directive.target)});
    }
  }
  summary.Normalize();
  return summary;
}

const Piece* Filter::ParseResult::first_error() const {
  const auto bad = std::find_if(pieces.begin(), pieces.end(), [](const Piece& piece) {
    return piece.parsed.fault != Fault::kNone;
  });
  return bad == pieces.end() ? nullptr : &*bad;
}

}  // namespace sluice::filter
