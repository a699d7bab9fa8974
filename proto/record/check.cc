#include "proto/record/check.h"

#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/record/walk.h"
#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

// The key of an attribute that is a key and a string, as nearly all are, both ASCII and shorter
// than 128 bytes; then its lengths are ASCII too, and one look judges all of it. Empty: it is
// something else.
std::string_view PlainKey(std::string_view encoded) {
  constexpr size_t kHeader = 2;  // a tag and a length
  const auto byte = [encoded](size_t i) { return static_cast<uint8_t>(encoded[i]); };
  if (encoded.size() < 3 * kHeader) return {};
  const size_t value = kHeader + byte(1);
  if (byte(0) != WireTag(key_value_field::kKey, WireType::kBytes) ||
      value + 2 * kHeader > encoded.size()) {
    return {};
  }
  const size_t text = value + 2 * kHeader;
  const bool plain = byte(value) == WireTag(key_value_field::kValue, WireType::kBytes) &&
                     byte(value + 1) == encoded.size() - value - kHeader &&
                     byte(value + 2) == WireTag(any_value_field::kStringValue, WireType::kBytes) &&
                     byte(value + 3) == encoded.size() - text;
  // Last: a long text is not looked through for nothing.
  return plain && IsAscii(encoded) ? encoded.substr(kHeader, byte(1)) : std::string_view();
}

// Collects what is wrong. Its walks return false at the first fault.
class Judge : public RecordVisitor {
 public:
  explicit Judge(int most_depth = limits::kValueDepth) : most_depth_(most_depth) {}

  bool Text(std::string_view text) {
    if (!IsValidUtf8(text)) [[unlikely]]
      flaws_.invalid_utf8 = true;
    return true;
  }
  // Receivers refuse a whole export for one id of an odd size.
  bool Id(std::string_view id, size_t expected_size, RecordFault fault) {
    if (id.empty() || id.size() == expected_size) [[likely]]
      return true;
    fault_ = fault;
    return false;
  }
  bool Attribute(std::string_view encoded) {
    ++body_attributes_;
    std::string_view key = PlainKey(encoded);
    if (key.empty() && !Pair(encoded, 0, &key)) return false;
    if (IsReservedKey(key)) [[unlikely]] {
      ++body_reserved_;
    }
    key_sizes_ |= KeySizeBit(key);
    return true;
  }
  bool Value(std::string_view encoded) { return Value(encoded, 0); }
  bool SpanEvent(std::string_view encoded);
  bool Link(std::string_view encoded);
  static bool WrongType() { return false; }

  // Of an attribute list that has no limit of its own.
  bool NestedAttribute(std::string_view encoded);

  RecordFault fault() const { return fault_; }
  RecordFlaws flaws() const;
  uint64_t key_sizes() const { return key_sizes_; }

 private:
  bool Pair(std::string_view encoded, int depth, std::string_view* key);
  bool Value(std::string_view encoded, int depth);
  bool Array(std::string_view encoded, int depth);
  bool Map(std::string_view encoded, int depth);

  const int most_depth_;
  RecordFault fault_ = RecordFault::kNone;
  RecordFlaws flaws_;
  size_t body_attributes_ = 0;
  size_t body_reserved_ = 0;
  uint64_t key_sizes_ = 0;
};

bool Judge::Pair(std::string_view encoded, int depth, std::string_view* key) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(key_value_field::kKey, WireType::kBytes)) {
      *key = field.bytes;
      Text(field.bytes);
    } else if (field.tag == WireTag(key_value_field::kValue, WireType::kBytes)) {
      if (!Value(field.bytes, depth)) return false;
    } else if (field.number() <= key_value_field::kLast) {
      return false;
    }
  }
  return reader.ok();
}

bool Judge::Value(std::string_view encoded, int depth) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(any_value_field::kStringValue, WireType::kBytes):
        Text(field.bytes);
        break;
      case WireTag(any_value_field::kBoolValue, WireType::kVarint):
      case WireTag(any_value_field::kIntValue, WireType::kVarint):
      case WireTag(any_value_field::kDoubleValue, WireType::kFixed64):
      case WireTag(any_value_field::kBytesValue, WireType::kBytes):
        break;
      case WireTag(any_value_field::kArrayValue, WireType::kBytes):
        if (!Array(field.bytes, depth + 1)) return false;
        break;
      case WireTag(any_value_field::kKvlistValue, WireType::kBytes):
        if (!Map(field.bytes, depth + 1)) return false;
        break;
      default:
        if (field.number() <= any_value_field::kLast) return false;
    }
  }
  return reader.ok();
}

bool Judge::Array(std::string_view encoded, int depth) {
  if (depth > most_depth_) return false;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.number() != array_value_field::kValues) continue;
    if (field.type() != WireType::kBytes || !Value(field.bytes, depth)) return false;
  }
  return reader.ok();
}

bool Judge::Map(std::string_view encoded, int depth) {
  if (depth > most_depth_) return false;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.number() != key_value_list_field::kValues) continue;
    std::string_view key;
    if (field.type() != WireType::kBytes || !Pair(field.bytes, depth, &key)) return false;
  }
  return reader.ok();
}

bool Judge::NestedAttribute(std::string_view encoded) {
  std::string_view key;
  if (!Pair(encoded, 0, &key)) return false;
  if (IsReservedKey(key)) ++flaws_.reserved_attributes;
  return true;
}

bool Judge::SpanEvent(std::string_view encoded) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(span_event_field::kTimeUnixNano, WireType::kFixed64):
      case WireTag(span_event_field::kDroppedAttributesCount, WireType::kVarint):
        break;
      case WireTag(span_event_field::kName, WireType::kBytes):
        Text(field.bytes);
        break;
      case WireTag(span_event_field::kAttributes, WireType::kBytes):
        if (!NestedAttribute(field.bytes)) return false;
        break;
      default:
        if (field.number() <= span_event_field::kLast) return false;
    }
  }
  return reader.ok();
}

bool Judge::Link(std::string_view encoded) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    bool sound = true;
    switch (field.tag) {
      case WireTag(span_link_field::kTraceId, WireType::kBytes):
        sound = Id(field.bytes, TraceId::kBytes, RecordFault::kBadTraceId);
        break;
      case WireTag(span_link_field::kSpanId, WireType::kBytes):
        sound = Id(field.bytes, SpanId::kBytes, RecordFault::kBadSpanId);
        break;
      case WireTag(span_link_field::kTraceState, WireType::kBytes):
        Text(field.bytes);
        break;
      case WireTag(span_link_field::kAttributes, WireType::kBytes):
        sound = NestedAttribute(field.bytes);
        break;
      case WireTag(span_link_field::kDroppedAttributesCount, WireType::kVarint):
      case WireTag(span_link_field::kFlags, WireType::kFixed32):
        break;
      default:
        sound = field.number() > span_link_field::kLast;
    }
    if (!sound) return false;
  }
  return reader.ok();
}

RecordFlaws Judge::flaws() const {
  RecordFlaws flaws = flaws_;
  const size_t kept = body_attributes_ - body_reserved_;
  flaws.reserved_attributes += static_cast<uint32_t>(body_reserved_);
  if (kept > limits::kAttributes) {
    flaws.surplus_attributes = static_cast<uint32_t>(kept - limits::kAttributes);
  }
  return flaws;
}

// An event is of use without its ids, so that bad ones are no fault of it.
class BareEventJudge : public Judge {
 public:
  BareEventJudge() : Judge(limits::kOtlpValueDepth) {}
  bool Id(std::string_view id, size_t expected_size, RecordFault) {
    const bool is_zero = id.find_first_not_of('\0') == id.npos;
    has_bad_ids_ |= !id.empty() && (id.size() != expected_size || is_zero);
    return true;
  }
  bool has_bad_ids() const { return has_bad_ids_; }

 private:
  bool has_bad_ids_ = false;
};

// What a bare record's flaws are: it may have any number of attributes.
RecordFlaws BareFlaws(const Judge& judge) {
  RecordFlaws flaws = judge.flaws();
  flaws.surplus_attributes = 0;
  return flaws;
}

// Its `level` attribute counts, which most spans lack.
void FinishBareSpan(std::string_view encoded, std::string_view scope_name, RecordVerdict* verdict) {
  RecordView& view = verdict->view;
  view.kind = RecordKind::kSpan;
  view.level = Level::kInfo;
  view.target = TargetOfScope(scope_name);
  if ((verdict->key_sizes & KeySizeBit("level")) == 0) return;
  if (const auto read = ReadBareSpan(encoded, scope_name)) view.level = read->level;
}

bool JudgeEntityRef(std::string_view encoded, Judge& judge) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.number() > entity_ref_field::kLast) continue;
    if (field.type() != WireType::kBytes) return false;
    judge.Text(field.bytes);
  }
  return reader.ok();
}

bool JudgeResourceField(const WireField& field, Judge& judge) {
  switch (field.tag) {
    case WireTag(resource_field::kAttributes, WireType::kBytes):
      return judge.NestedAttribute(field.bytes);
    case WireTag(resource_field::kDroppedAttributesCount, WireType::kVarint):
      return true;
    case WireTag(resource_field::kEntityRefs, WireType::kBytes):
      return JudgeEntityRef(field.bytes, judge);
    default:
      return field.number() > resource_field::kLast;
  }
}

bool JudgeScopeField(const WireField& field, Judge& judge) {
  switch (field.tag) {
    case WireTag(instrumentation_scope_field::kName, WireType::kBytes):
    case WireTag(instrumentation_scope_field::kVersion, WireType::kBytes):
      return judge.Text(field.bytes);
    case WireTag(instrumentation_scope_field::kAttributes, WireType::kBytes):
      return judge.NestedAttribute(field.bytes);
    case WireTag(instrumentation_scope_field::kDroppedAttributesCount, WireType::kVarint):
      return true;
    default:
      return field.number() > instrumentation_scope_field::kLast;
  }
}

template <typename JudgeField>
ResourceVerdict CheckEnvelope(std::string_view encoded, JudgeField judge_field) {
  Judge judge(limits::kOtlpValueDepth);
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (!judge_field(field, judge)) return {};
  }
  return {.sound = reader.ok(), .flawed = judge.flaws().any()};
}

RecordFault SpanFault(RecordKind kind, const SpanView& span) {
  if (span.trace_id.IsZero()) return RecordFault::kBadTraceId;
  if (span.span_id.IsZero()) return RecordFault::kBadSpanId;
  const bool needs_start = kind == RecordKind::kSpanStart || kind == RecordKind::kSpan;
  const bool needs_end = kind == RecordKind::kSpanEnd || kind == RecordKind::kSpan;
  if (needs_start && span.start_unix_nano == 0) return RecordFault::kBadTime;
  if (needs_end && span.end_unix_nano == 0) return RecordFault::kBadTime;
  return RecordFault::kNone;
}

RecordFault EventFault(const EventView& event) {
  const bool span_without_trace = !event.span_id.IsZero() && event.trace_id.IsZero();
  return span_without_trace ? RecordFault::kBadTraceId : RecordFault::kNone;
}

}  // namespace

std::string_view RecordFaultName(RecordFault fault) {
  switch (fault) {
    case RecordFault::kNone:
      break;
    case RecordFault::kMalformed:
      return "malformed";
    case RecordFault::kTooLarge:
      return "record_too_large";
    case RecordFault::kNoBody:
      return "no_body";
    case RecordFault::kBadTraceId:
      return "bad_trace_id";
    case RecordFault::kBadSpanId:
      return "bad_span_id";
    case RecordFault::kBadParentId:
      return "bad_parent_id";
    case RecordFault::kBadTime:
      return "bad_time";
  }
  return "none";
}

RecordVerdict CheckRecord(std::string_view encoded) {
  RecordVerdict verdict;
  if (encoded.size() > limits::kRecordBytes) {
    verdict.fault = RecordFault::kTooLarge;
    return verdict;
  }
  Judge judge;
  verdict.fault = WalkRecord(encoded, &verdict.view, judge);
  if (judge.fault() != RecordFault::kNone) verdict.fault = judge.fault();
  if (verdict.fault != RecordFault::kNone) return verdict;
  const RecordView& view = verdict.view;
  verdict.fault =
      view.kind == RecordKind::kEvent ? EventFault(view.event) : SpanFault(view.kind, view.span);
  verdict.flaws = judge.flaws();
  verdict.key_sizes = judge.key_sizes();
  verdict.flaws.long_target = view.target.size() > limits::kTargetBytes;
  return verdict;
}

RecordVerdict CheckBareSpan(std::string_view encoded, std::string_view scope_name) {
  RecordVerdict verdict;
  verdict.fault = RecordFault::kTooLarge;
  if (encoded.size() > limits::kOtlpItemBytes) return verdict;
  Judge judge(limits::kOtlpValueDepth);
  const bool is_sound = WalkSpan(encoded, &verdict.view.span, judge);
  verdict.fault = is_sound ? SpanFault(RecordKind::kSpan, verdict.view.span) : judge.fault();
  if (!is_sound && verdict.fault == RecordFault::kNone) verdict.fault = RecordFault::kMalformed;
  if (verdict.fault != RecordFault::kNone) return verdict;
  verdict.flaws = BareFlaws(judge);
  verdict.key_sizes = judge.key_sizes();
  FinishBareSpan(encoded, scope_name, &verdict);
  return verdict;
}

RecordVerdict CheckBareEvent(std::string_view encoded, std::string_view scope_name) {
  RecordVerdict verdict;
  verdict.fault = RecordFault::kTooLarge;
  if (encoded.size() > limits::kOtlpItemBytes) return verdict;
  BareEventJudge judge;
  EventView& event = verdict.view.event;
  verdict.fault = RecordFault::kMalformed;
  if (!WalkEvent(encoded, &event, judge)) return verdict;
  verdict.fault = RecordFault::kNone;
  verdict.flaws = BareFlaws(judge);
  verdict.flaws.bad_ids = judge.has_bad_ids() || EventFault(event) == RecordFault::kBadTraceId;
  if (event.trace_id.IsZero()) event.span_id = {};
  verdict.key_sizes = judge.key_sizes();
  verdict.view.kind = RecordKind::kEvent;
  verdict.view.level = LevelOfEvent(event);
  verdict.view.target = TargetOfScope(scope_name);
  return verdict;
}

ResourceVerdict CheckOtlpResource(std::string_view encoded) {
  return CheckEnvelope(encoded, JudgeResourceField);
}

ResourceVerdict CheckOtlpScope(std::string_view encoded) {
  return CheckEnvelope(encoded, JudgeScopeField);
}

ResourceVerdict CheckResource(std::string_view encoded) {
  if (encoded.size() > limits::kResourceBytes) return {};
  Judge judge;
  size_t attributes = 0;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(resource_field::kAttributes, WireType::kBytes)) {
      if (++attributes > limits::kAttributes || !judge.NestedAttribute(field.bytes)) return {};
    } else if (field.number() == resource_field::kAttributes ||
               field.tag == WireTag(resource_field::kDroppedAttributesCount, WireType::kBytes)) {
      return {};
    }
  }
  return {.sound = reader.ok(), .flawed = judge.flaws().any()};
}

}  // namespace sluice
