#include "agent/lines/scope.h"

#include <algorithm>

#include "proto/wire/utf8.h"

namespace sluice::lines {
namespace {

constexpr std::string_view kLeftOut = "...";
// An escaped byte takes so many.
constexpr size_t kLongestEscape = 6;
// Of all spans of a line. A body may hold thousands of fields that are no attributes.
constexpr int kSteps = 512;
// What an attribute's encoding takes more than its text.
constexpr size_t kEncodingBytes = 8;
// The shortest field: `k=1`.
constexpr size_t kShortestField = 3;

// An ended ancestor is known by name alone.
bool HasFields(const live::Span& span) { return span.attribute_count > 0 && !span.body.empty(); }

}  // namespace

Scope::Scope(const LineFormat& format, std::span<const live::Span* const> chain, size_t room,
             bool first_is_whole)
    : format_(format), room_(room), steps_(kSteps) {
  if (chain.empty()) return;
  shown_.reserve(chain.size());
  if (first_is_whole) ShowWhole(*chain[0]);
  ShowNames(chain.subspan(shown_.size()));
  for (Shown& shown : shown_) {
    if (!format_.shows_scope_fields()) break;
    const bool is_done = first_is_whole && shown.span == chain[0];
    if (!is_done && HasFields(*shown.span)) ShowFields(&shown);
  }
  items_.reserve(shown_.size() + 1);
  if (const size_t count = chain.size() - shown_.size(); count > 0) {
    format_.AppendSpansLeftOut(count, &spans_left_out_);
    items_.push_back({kLeftOut, spans_left_out_});
  }
  std::for_each(shown_.rbegin(), shown_.rend(), [this](const Shown& shown) {
    items_.push_back({shown.name, shown.fields});
  });
}

void Scope::ShowWhole(const live::Span& span) {
  shown_.push_back({&span, span.name, {}});
  if (span.body.empty()) return;
  format_.AppendFields(span.AsRecord(RecordKind::kSpan), &shown_.back().fields);
}

void Scope::ShowNames(std::span<const live::Span* const> chain) {
  const LineFormat::Overhead overhead = format_.overhead();
  if (chain.size() > 1) room_ -= std::min(room_, overhead.spans_left_out);
  for (const live::Span* const span : chain) {
    const size_t around = overhead.span + (HasFields(*span) ? overhead.fields_left_out : 0);
    // A name prints in no fewer bytes than it has: one that is far too long is not looked at.
    const size_t least = around + span->name.size();
    const size_t cost = least > room_ ? least : around + format_.NameBytes(span->name);
    if (cost <= room_) {
      shown_.push_back({span, span->name, {}});
      room_ -= cost;
      continue;
    }
    // Something of the innermost is always there.
    if (!shown_.empty()) return;
    room_ -= std::min(room_, around);
    shown_.push_back({span, Cut(span->name), {}});
    room_ = 0;
  }
}

std::string_view Scope::Cut(std::string_view name) {
  const size_t most = room_ - std::min(room_, kLeftOut.size());
  name = name.substr(0, Utf8Boundary(name, most));
  if (format_.NameBytes(name) > most) {
    name = name.substr(0, Utf8Boundary(name, most / kLongestEscape));
  }
  cut_name_ = name;
  return cut_name_ += kLeftOut;
}

void Scope::ShowFields(Shown* shown) {
  const live::Span& span = *shown->span;
  std::string& fields = shown->fields;
  uint32_t taken = 0;
  uint32_t index = 0;
  WireReader reader(span.body);
  WireField field;
  while (index < span.attribute_count && room_ >= kShortestField && --steps_ >= 0 &&
         reader.Next(&field)) {
    if (field.tag != WireTag(span_field::kAttributes, WireType::kBytes)) continue;
    const size_t before = fields.size();
    if (field.bytes.size() <= room_ + kEncodingBytes) {
      format_.AppendField(ReadAttribute(field.bytes), span.bare.Has(index), &fields);
    }
    if (const size_t more = fields.size() - before; more > room_) {
      fields.resize(before);
    } else if (more > 0) {
      room_ -= more;
      ++taken;
    }
    ++index;
  }
  if (taken < span.attribute_count) {
    format_.AppendFieldsLeftOut(span.attribute_count - taken, &fields);
  } else {
    room_ += format_.overhead().fields_left_out;
  }
}

}  // namespace sluice::lines
