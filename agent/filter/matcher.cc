#include "agent/filter/matcher.h"

namespace sluice::filter {
namespace {

// Texts kept for targets and span names together. Senders choose them, so both are forgotten when
// there are too many.
constexpr size_t kMaxCachedTexts = 8192;

}  // namespace

bool BitSet::Contains(const BitSet& other) const {
  for (size_t i = 0; i < words_.size(); ++i) {
    if ((other.words_[i] & ~words_[i]) != 0) return false;
  }
  return true;
}

Subject Subject::Of(const RecordView& record) {
  return {record.target, record.level, record.span.name, Fields::Of(record)};
}

Matcher::Matcher(std::shared_ptr<const Filter> filter) : filter_(std::move(filter)) {
  NumberTests();
  scratch_ = BitSet(bits_);
}

void Matcher::NumberTests() {
  for (const Directive& directive : filter_->directives()) {
    for (const FieldTest& field : directive.fields) {
      const auto [it, added] = tests_.try_emplace(field.name);
      if (added) it->second.presence = bits_++;
      if (field.value != nullptr) it->second.values.emplace_back(bits_++, field.value.get());
    }
  }
  for (const Directive& directive : filter_->directives()) {
    Needs needs{BitSet(bits_), BitSet(bits_)};
    std::map<std::string_view, size_t> value_bits;  // of a name given twice, the last value counts
    for (const FieldTest& field : directive.fields) {
      const NamedTests& named = tests_.find(field.name)->second;
      needs.names.Set(named.presence);
      for (const auto& [bit, pattern] : named.values) {
        if (pattern == field.value.get()) value_bits[field.name] = bit;
      }
    }
    needs.all = needs.names;
    for (const auto& [name, bit] : value_bits) needs.all.Set(bit);
    needs_.push_back(std::move(needs));
  }
}

Matcher::TargetEntry& Matcher::EntryFor(std::string_view target) {
  if (const auto it = targets_.find(target); it != targets_.end()) return it->second;
  if (targets_.size() + cached_names_ >= kMaxCachedTexts) {
    targets_.clear();
    cached_names_ = 0;
  }
  TargetEntry entry;
  const auto& directives = filter_->directives();
  for (const uint16_t i : filter_->statics()) {
    if (!filter_->CoversTarget(directives[i], target)) continue;
    entry.statics.push_back(i);
    if (directives[i].fields.empty()) break;
    entry.statics_ask_for_fields = true;
  }
  for (const uint16_t i : filter_->dynamics()) {
    const Directive& directive = directives[i];
    if (directive.span.has_value() || !directive.has_values()) continue;
    if (filter_->CoversTarget(directive, target)) entry.own_values.push_back(i);
  }
  return targets_.emplace(target, std::move(entry)).first->second;
}

int32_t Matcher::CandidatesFor(TargetEntry* entry, const Subject& span) {
  if (filter_->dynamics().empty()) return -1;
  if (const auto it = entry->candidates.find(span.name); it != entry->candidates.end()) {
    return it->second;
  }
  Indexes fitting;
  for (const uint16_t i : filter_->dynamics()) {
    const Directive& directive = filter_->directives()[i];
    if (directive.span.has_value() && *directive.span != span.name) continue;
    if (filter_->CoversTarget(directive, span.target)) fitting.push_back(i);
  }
  int32_t id = -1;
  if (!fitting.empty()) {
    const auto [it, added] =
        candidate_ids_.try_emplace(fitting, static_cast<int32_t>(candidate_lists_.size()));
    if (added) candidate_lists_.push_back(std::move(fitting));
    id = it->second;
  }
  entry->candidates.emplace(span.name, id);
  ++cached_names_;
  return id;
}

void Matcher::Observe(const Fields& fields, BitSet* seen) const {
  const bool last_counts = filter_->options().profile == Profile::kFixed;
  fields.ForEach([&](const Field& field) {
    const auto it = tests_.find(field.name);
    if (it == tests_.end()) return;
    seen->Set(it->second.presence);
    for (const auto& [bit, pattern] : it->second.values) {
      if (!last_counts && seen->Has(bit)) continue;
      if (pattern->Matches(field, filter_->options().loose_numbers)) {
        seen->Set(bit);
      } else if (last_counts) {
        seen->Clear(bit);
      }
    }
  });
}

const BitSet& Matcher::Seen(const Fields& fields) {
  scratch_.ClearAll();
  Observe(fields, &scratch_);
  return scratch_;
}

bool Matcher::OpenSpan(const Subject& span, const SpanScope* parent, SpanScope* scope) {
  return Open(span, parent, scope).enabled;
}

Verdict Matcher::ExplainSpan(const Subject& span, const SpanScope* parent) {
  SpanScope scope;
  return Open(span, parent, &scope);
}

Verdict Matcher::Open(const Subject& span, const SpanScope* parent, SpanScope* scope) {
  // Copied: GCC takes the move of an empty InlinedVector for a read of uninitialized memory.
  const SpanScope fresh;
  *scope = fresh;
  scope->overrides_ = filter_->options().override_inside_spans;
  scope->span_level_ = span.level;
  if (parent != nullptr) scope->outer_ = parent->inside();
  TargetEntry& entry = EntryFor(span.target);
  scope->candidates_ = CandidatesFor(&entry, span);
  if (scope->candidates_ >= 0) {
    scope->seen_ = BitSet(bits_);
    Observe(span.fields, &scope->seen_);
  }
  const Verdict verdict = DecideSpan(span, entry, *scope);
  scope->enabled_ = verdict.enabled;
  scope->own_ = OwnLevel(*scope);
  return verdict;
}

Verdict Matcher::DecideSpan(const Subject& span, const TargetEntry& entry, const SpanScope& scope) {
  if (const auto verdict = DecideByMatch(scope)) return *verdict;
  const SpanScope::Opened& outer = scope.outer_;
  if (Allows(outer.level, span.level) || (scope.overrides_ && outer.directive >= 0)) {
    return {Allows(outer.level, span.level), Reason::kScope, outer.directive};
  }
  return DecideByStatics(span, entry, filter_->options().profile == Profile::kFixed);
}

// The level of the directive plays no part: it is meant for what happens inside, and the values may
// still come. Only where the most specific directive decides alone it does so for its span as well.
std::optional<Verdict> Matcher::DecideByMatch(const SpanScope& scope) const {
  if (scope.candidates_ < 0) return std::nullopt;
  std::optional<Verdict> matched;
  for (const uint16_t i : candidate_lists_[static_cast<size_t>(scope.candidates_)]) {
    if (!scope.seen_.Contains(needs_[i].names)) continue;
    if (!matched.has_value() && Allows(filter_->max_level(), scope.span_level_)) {
      matched = {true, Reason::kMatchedSpan, i};
    }
    if (scope.overrides_ && scope.seen_.Contains(needs_[i].all)) {
      const bool enabled = Allows(filter_->directives()[i].level, scope.span_level_);
      return Verdict{enabled, Reason::kMatchedSpan, i};
    }
  }
  return matched;
}

SpanScope::Opened Matcher::OwnLevel(const SpanScope& scope) const {
  SpanScope::Opened own;
  if (scope.candidates_ < 0 || (!scope.enabled_ && !scope.overrides_)) return own;
  for (const uint16_t i : candidate_lists_[static_cast<size_t>(scope.candidates_)]) {
    const LevelFilter level = filter_->directives()[i].level;
    if (own.directive >= 0 && level <= own.level) continue;
    if (!scope.seen_.Contains(needs_[i].all)) continue;
    own = {level, static_cast<int16_t>(i)};
    if (scope.overrides_) break;
  }
  return own;
}

bool Matcher::RecordFields(const Fields& fields, SpanScope* scope) {
  if (scope->candidates_ < 0) return false;
  Observe(fields, &scope->seen_);
  const SpanScope::Opened before = scope->inside();
  if (!scope->enabled_) {
    const auto verdict = DecideByMatch(*scope);
    scope->enabled_ = verdict.has_value() && verdict->enabled;
  }
  scope->own_ = OwnLevel(*scope);
  return scope->inside() != before;
}

bool Matcher::Inherit(const SpanScope* parent, SpanScope* child) const {
  const SpanScope::Opened before = child->inside();
  child->outer_ = parent == nullptr ? SpanScope::Opened() : parent->inside();
  return child->inside() != before;
}

bool Matcher::FailedEndEnabled(const Subject& span, const SpanScope* parent) {
  Subject as_error = span;
  as_error.level = Level::kError;
  SpanScope unused;
  return OpenSpan(as_error, parent, &unused);
}

std::optional<LevelFilter> Matcher::LevelOfTarget(std::string_view target) {
  if (!filter_->dynamics().empty()) return std::nullopt;
  const TargetEntry& entry = EntryFor(target);
  if (entry.statics_ask_for_fields) return std::nullopt;
  return entry.statics.empty() ? LevelFilter::kOff
                               : filter_->directives()[entry.statics.front()].level;
}

bool Matcher::EventEnabled(const Subject& event, const SpanScope* enclosing) {
  const FilterOptions& options = filter_->options();
  LevelFilter highest = filter_->max_static_level();
  if (enclosing != nullptr) highest = std::max(highest, enclosing->level());
  if (options.profile == Profile::kFixed) highest = std::max(highest, filter_->max_dynamic_level());
  return Allows(highest, event.level) && ExplainEvent(event, enclosing).enabled;
}

Verdict Matcher::ExplainEvent(const Subject& event, const SpanScope* enclosing) {
  const FilterOptions& options = filter_->options();
  const TargetEntry& entry = EntryFor(event.target);
  if (options.static_off_wins) {
    const Verdict verdict = DecideByStatics(event, entry, true);
    if (verdict.directive >= 0) {
      const Directive& directive = filter_->directives()[static_cast<size_t>(verdict.directive)];
      if (directive.level == LevelFilter::kOff && directive.target.has_value()) {
        return {false, Reason::kStaticOff, verdict.directive};
      }
    }
  }
  const SpanScope::Opened scope = enclosing == nullptr ? SpanScope::Opened() : enclosing->inside();
  if (const auto verdict = DecideByOwnValues(event, entry)) return *verdict;
  if (Allows(scope.level, event.level) || (options.override_inside_spans && scope.directive >= 0)) {
    return {Allows(scope.level, event.level), Reason::kScope, scope.directive};
  }
  return DecideByStatics(event, entry, true);
}

std::optional<Verdict> Matcher::DecideByOwnValues(const Subject& event, const TargetEntry& entry) {
  if (filter_->options().profile != Profile::kFixed || entry.own_values.empty())
    return std::nullopt;
  const BitSet& seen = Seen(event.fields);
  for (const uint16_t i : entry.own_values) {
    if (!seen.Contains(needs_[i].all)) continue;
    const bool enabled = Allows(filter_->directives()[i].level, event.level);
    if (enabled || filter_->options().override_inside_spans) {
      return Verdict{enabled, Reason::kOwnValues, i};
    }
  }
  return std::nullopt;
}

Verdict Matcher::DecideByStatics(const Subject& subject, const TargetEntry& entry,
                                 bool ask_for_fields) {
  const BitSet* seen = nullptr;
  if (ask_for_fields && entry.statics_ask_for_fields) seen = &Seen(subject.fields);
  for (const uint16_t i : entry.statics) {
    if (seen != nullptr && !seen->Contains(needs_[i].names)) continue;
    const bool enabled = Allows(filter_->directives()[i].level, subject.level);
    return {enabled, Reason::kStatic, i};
  }
  return {};
}

}  // namespace sluice::filter
