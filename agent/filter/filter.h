// A filter: a list of EnvFilter directives, compiled. matcher.h applies it to records.
//
// Life cycle: parsed at load, shared by pointer, never changed; a reload makes a new one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/filter/directive.h"
#include "agent/filter/level_filter.h"
#include "agent/filter/level_summary.h"

namespace sluice::filter {

// Directives of one filter.
inline constexpr size_t kMaxDirectives = 256;
// Fields named by all its directives together.
inline constexpr size_t kMaxFieldTests = 1024;
// Bytes of a filter's text.
inline constexpr size_t kMaxFilterBytes = 64 * 1024;

struct FilterOptions {
  Profile profile = Profile::kCompat;
  // False: one bad piece fails the whole list. True: bad pieces are left out.
  bool lossy = false;
  // False: values are literal text, not patterns.
  bool patterns = true;
  // The most specific span directive decides alone inside its span, and so can silence.
  bool override_inside_spans = false;
  // A static `off` for an event's own target wins over any enclosing span.
  bool static_off_wins = false;
  // A target prefix ends at `::`, `.`, `/` or the target's end: `svc` does not cover `svcother`.
  bool whole_segments = false;
  // `{n=4}` also matches the text "4".
  bool loose_numbers = false;
  // Taken as the one directive where no piece parsed. Unset: such a filter lets nothing through.
  std::optional<LevelFilter> default_level;
};

// What became of one piece of the list, for people.
struct Piece {
  size_t offset = 0;       // of its first byte in the whole text, blanks before it left out
  std::string text;        // without blanks around it
  ParsedDirective parsed;  // offsets of its remarks are within the whole text
};

// Immutable and thread-safe.
class Filter {
 public:
  struct ParseResult;
  // Strict: `filter` is null where a piece is bad. Lossy: never null.
  static ParseResult Parse(std::string_view text, const FilterOptions& options);
  // Of directives that were never text.
  static std::shared_ptr<const Filter> Of(std::vector<Directive> directives,
                                          const FilterOptions& options);

  const FilterOptions& options() const { return options_; }
  // In the order written; one that a later one replaces is left out.
  const std::vector<Directive>& directives() const { return directives_; }
  // Most specific first: the first that applies decides. Indexes into directives().
  const std::vector<uint16_t>& statics() const { return statics_; }
  // Most specific first, too: longest target, then with a span's name, then most fields, then
  // written last.
  const std::vector<uint16_t>& dynamics() const { return dynamics_; }
  // A span that matches a directive is let through up to this level, whatever the directive's own;
  // kTrace where a directive has values, since these may come with any span.
  LevelFilter max_level() const { return max_level_; }
  LevelFilter max_static_level() const { return max_static_level_; }
  LevelFilter max_dynamic_level() const { return max_dynamic_level_; }

  LevelSummary Summarize() const;
  // Does `target` start with the directive's target, in the sense of the options?
  bool CoversTarget(const Directive& directive, std::string_view target) const;

 private:
  explicit Filter(const FilterOptions& options) : options_(options) {}
  void Index(std::vector<Directive> directives);

  FilterOptions options_;
  std::vector<Directive> directives_;
  std::vector<uint16_t> statics_;
  std::vector<uint16_t> dynamics_;
  LevelFilter max_level_ = LevelFilter::kOff;
  LevelFilter max_static_level_ = LevelFilter::kOff;
  LevelFilter max_dynamic_level_ = LevelFilter::kOff;
};

struct Filter::ParseResult {
  std::shared_ptr<const Filter> filter;
  std::vector<Piece> pieces;  // empty pieces are left out

  // The first bad piece, or nullptr.
  const Piece* first_error() const;
};

}  // namespace sluice::filter
