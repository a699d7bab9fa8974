// Applies a filter to records in the order they are read. One reader, one Matcher.
//
// A span directive acts on everything inside its spans. Inside means descent, not threads: the
// caller keeps a SpanScope beside each open span and passes that of the parent, or of the span that
// encloses an event. Pass nullptr where there is none, where it is not known (its start has not
// come), and where it belongs to another user; then the filter's static part decides alone.
//
// After a reload the caller replays the records it keeps of the open spans, parents first, through
// OpenSpan and RecordFields of a Matcher of the new filter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "agent/filter/fields.h"
#include "agent/filter/filter.h"
#include "agent/filter/level_filter.h"

namespace sluice::filter {

// What is decided upon.
struct Subject {
  std::string_view target;
  Level level = Level::kInfo;
  std::string_view name;  // spans only
  Fields fields;

  // `record` must outlive the subject.
  static Subject Of(const RecordView& record);
};

enum class Reason : uint8_t {
  kNoDirective,  // nothing applies
  kStatic,       // the most specific static directive decided
  kStaticOff,    // a static `off` overruled the enclosing span
  kScope,        // an enclosing span matched the directive
  kMatchedSpan,  // the span itself matches the directive
  kOwnValues,    // the event's own fields match the directive
};

struct Verdict {
  bool enabled = false;
  Reason reason = Reason::kNoDirective;
  // Index into Filter::directives(); -1: none.
  int directive = -1;
};

// Bits numbered from 0.
class BitSet {
 public:
  explicit BitSet(size_t bits = 0) : words_((bits + 63) / 64) {}
  void Set(size_t bit) { words_[bit / 64] |= uint64_t{1} << (bit % 64); }
  void Clear(size_t bit) { words_[bit / 64] &= ~(uint64_t{1} << (bit % 64)); }
  bool Has(size_t bit) const { return (words_[bit / 64] >> (bit % 64) & 1) != 0; }
  void ClearAll() { std::fill(words_.begin(), words_.end(), 0); }
  bool Contains(const BitSet& other) const;

 private:
  absl::InlinedVector<uint64_t, 1> words_;
};

// What a filter knows about one open span. Small and copyable; belongs to one Matcher.
class SpanScope {
 public:
  // Is the span itself let through? Late fields may turn this on, nothing turns it off.
  bool enabled() const { return enabled_; }
  // The level opened for what happens inside, ancestors included.
  LevelFilter level() const { return inside().level; }

 private:
  friend class Matcher;
  // A level and the directive it comes from; directive -1: none, and level is kOff.
  struct Opened {
    LevelFilter level = LevelFilter::kOff;
    int16_t directive = -1;
    bool operator==(const Opened&) const = default;
  };

  // What is open inside: an own level of `overrides_` decides alone, else the higher one does.
  const Opened& inside() const {
    if (overrides_) return own_.directive >= 0 ? own_ : outer_;
    return own_.level > outer_.level ? own_ : outer_;
  }

  bool enabled_ = false;
  bool overrides_ = false;
  Level span_level_ = Level::kInfo;
  Opened own_;
  Opened outer_;
  // The directives that fit target and name; -1: none, and `seen_` is not kept.
  int32_t candidates_ = -1;
  BitSet seen_;
};

// Owned by one thread.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Filter> filter);

  const Filter& filter() const { return *filter_; }

  // A span began. Fills `*scope`; returns whether the span is let through.
  bool OpenSpan(const Subject& span, const SpanScope* parent, SpanScope* scope);
  // More fields of an open span. Returns whether the level inside it changed; if so, the caller
  // calls Inherit for its open descendants, parents first.
  bool RecordFields(const Fields& fields, SpanScope* scope);
  // Takes over what is open in `parent`. Returns whether the level inside `*child` changed.
  bool Inherit(const SpanScope* parent, SpanScope* child) const;
  bool EventEnabled(const Subject& event, const SpanScope* enclosing);
  // The end of a span that failed counts as level ERROR, whatever the span's own level: is it let
  // through, even where the span was not? `span` has all fields; `parent` as for OpenSpan.
  bool FailedEndEnabled(const Subject& span, const SpanScope* parent);

  // The level up to which all spans and events of the target are let through, whatever else there
  // is of them; nullopt: that depends on more.
  std::optional<LevelFilter> LevelOfTarget(std::string_view target);

  // The same decisions with their reason.
  Verdict ExplainSpan(const Subject& span, const SpanScope* parent);
  Verdict ExplainEvent(const Subject& event, const SpanScope* enclosing);

 private:
  // A name that some directive asks for: the bit of its presence, and the tests of its value.
  struct NamedTests {
    size_t presence = 0;
    std::vector<std::pair<size_t, const ValuePattern*>> values;
  };
  // What a directive asks of the fields, as bits.
  struct Needs {
    BitSet names;
    BitSet all;
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <typename T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;
  using Indexes = std::vector<uint16_t>;
  // What is known of one target: computed once, then found by its text.
  struct TargetEntry {
    Indexes statics;     // that cover it, up to the first that asks for no field
    Indexes own_values;  // dynamic, without a span's name, with values
    bool statics_ask_for_fields = false;
    ByText<int32_t> candidates;  // by span name
  };

  void NumberTests();
  TargetEntry& EntryFor(std::string_view target);
  int32_t CandidatesFor(TargetEntry* entry, const Subject& span);
  // Sets and, where the last value counts, clears bits.
  void Observe(const Fields& fields, BitSet* seen) const;
  const BitSet& Seen(const Fields& fields);

  Verdict Open(const Subject& span, const SpanScope* parent, SpanScope* scope);
  Verdict DecideSpan(const Subject& span, const TargetEntry& entry, const SpanScope& scope);
  // The verdict that the span's own match gives; nullopt: it gives none.
  std::optional<Verdict> DecideByMatch(const SpanScope& scope) const;
  std::optional<Verdict> DecideByOwnValues(const Subject& event, const TargetEntry& entry);
  // Spans ask for no fields in kCompat.
  Verdict DecideByStatics(const Subject& subject, const TargetEntry& entry, bool ask_for_fields);
  SpanScope::Opened OwnLevel(const SpanScope& scope) const;

  std::shared_ptr<const Filter> filter_;
  ByText<NamedTests> tests_;
  std::vector<Needs> needs_;  // by directive
  size_t bits_ = 0;
  ByText<TargetEntry> targets_;
  size_t cached_names_ = 0;
  // Each distinct list once; a SpanScope refers to one by its index, so they are never removed.
  // Their number depends on the filter alone.
  std::vector<Indexes> candidate_lists_;
  std::map<Indexes, int32_t> candidate_ids_;
  BitSet scratch_;
};

}  // namespace sluice::filter
