#include "proto/record/repair.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "proto/record/check.h"
#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"
#include "proto/wire/writer.h"

namespace sluice {
namespace {

enum ShapeId : uint8_t {
  kOpaque,
  kAnyValue,
  kArrayValue,
  kKeyValueList,
  kKeyValue,
  kSpanEvent,
  kSpanLink,
  kStatus,
  kSpan,
  kLogRecord,
  kResource,
  kEntityRef,
  kScope,
};

// Where text and attributes lie in a message.
struct Shape {
  struct Nested {
    uint32_t number = 0;
    ShapeId shape = kOpaque;
  };
  uint32_t texts = 0;  // bit n: field n is a string
  uint32_t attributes = 0;
  std::array<Nested, 3> nested = {};
};

constexpr uint32_t Bit(uint32_t number) { return uint32_t{1} << number; }

constexpr Shape kShapes[] = {
    /* kOpaque */ {},
    /* kAnyValue */
    {Bit(any_value_field::kStringValue),
     0,
     {{{any_value_field::kArrayValue, kArrayValue},
       {any_value_field::kKvlistValue, kKeyValueList}}}},
    /* kArrayValue */ {0, 0, {{{array_value_field::kValues, kAnyValue}}}},
    /* kKeyValueList */ {0, 0, {{{key_value_list_field::kValues, kKeyValue}}}},
    /* kKeyValue */ {Bit(key_value_field::kKey), 0, {{{key_value_field::kValue, kAnyValue}}}},
    /* kSpanEvent */ {Bit(span_event_field::kName), span_event_field::kAttributes, {}},
    /* kSpanLink */ {Bit(span_link_field::kTraceState), span_link_field::kAttributes, {}},
    /* kStatus */ {Bit(status_field::kMessage), 0, {}},
    /* kSpan */
    {Bit(span_field::kTraceState) | Bit(span_field::kName),
     span_field::kAttributes,
     {{{span_field::kEvents, kSpanEvent},
       {span_field::kLinks, kSpanLink},
       {span_field::kStatus, kStatus}}}},
    /* kLogRecord */
    {Bit(log_record_field::kSeverityText) | Bit(log_record_field::kEventName),
     log_record_field::kAttributes,
     {{{log_record_field::kBody, kAnyValue}}}},
    /* kResource */
    {0, resource_field::kAttributes, {{{resource_field::kEntityRefs, kEntityRef}}}},
    /* kEntityRef */
    {Bit(entity_ref_field::kSchemaUrl) | Bit(entity_ref_field::kType) |
         Bit(entity_ref_field::kIdKeys) | Bit(entity_ref_field::kDescriptionKeys),
     0,
     {}},
    /* kScope */
    {Bit(instrumentation_scope_field::kName) | Bit(instrumentation_scope_field::kVersion),
     instrumentation_scope_field::kAttributes,
     {}},
};

bool IsText(const Shape& shape, uint32_t number) {
  return number < 32 && (shape.texts & Bit(number)) != 0;
}

ShapeId NestedShape(const Shape& shape, uint32_t number) {
  for (const Shape::Nested& nested : shape.nested) {
    if (nested.number == number) return nested.shape;
  }
  return kOpaque;
}

std::string ValidText(std::string_view text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

bool IsReserved(std::string_view attribute) { return IsReservedKey(ReadAttribute(attribute).key); }

// Which attributes of a body stay.
struct Selection {
  std::vector<bool> keeps;  // by index
  uint32_t surplus = 0;
};
Selection SelectAttributes(FieldRange attributes, size_t most = limits::kAttributes) {
  Selection selection;
  size_t kept = 0;
  for (const std::string_view attribute : attributes) {
    const bool reserved = IsReserved(attribute);
    const bool surplus = !reserved && kept == most;
    selection.keeps.push_back(!reserved && !surplus);
    selection.surplus += surplus;
    kept += !reserved && !surplus;
  }
  return selection;
}

// Calls `visit` with each field and its whole encoding.
template <typename Visit>
void ForEachField(std::string_view encoded, Visit visit) {
  WireReader reader(encoded);
  const char* begin = reader.position();
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    visit(field, std::string_view(begin, static_cast<size_t>(reader.position() - begin)));
  }
}

// Copies a message, its text made valid, without the attributes that do not stay.
class Mender {
 public:
  Mender(StringWireWriter& writer, const Selection* body) : writer_(writer), body_(body) {}

  void Message(std::string_view encoded, ShapeId id) {
    ForEachField(encoded, [&](const WireField& field, std::string_view whole) {
      if (field.type() != WireType::kBytes) return writer_.Raw(whole);
      Field(field, kShapes[id], whole);
    });
  }

 private:
  void Field(const WireField& field, const Shape& shape, std::string_view whole) {
    const ShapeId nested = NestedShape(shape, field.number());
    if (IsText(shape, field.number())) {
      writer_.Bytes(field.number(), ValidText(field.bytes));
    } else if (field.number() == shape.attributes) {
      if (Keeps(field.bytes, shape)) Nested(field, kKeyValue);
    } else if (nested != kOpaque) {
      Nested(field, nested);
    } else {
      writer_.Raw(whole);
    }
  }

  void Nested(const WireField& field, ShapeId id) {
    const auto mark = writer_.Begin(field.number());
    Message(field.bytes, id);
    writer_.End(mark);
  }

  bool Keeps(std::string_view attribute, const Shape& shape) {
    const bool of_body = &shape == &kShapes[kSpan] || &shape == &kShapes[kLogRecord];
    return of_body ? body_->keeps[next_body_attribute_++] : !IsReserved(attribute);
  }

  StringWireWriter& writer_;
  const Selection* body_;
  size_t next_body_attribute_ = 0;
};

uint64_t LastScalar(std::string_view message, uint32_t number) {
  uint64_t last = 0;
  ForEachField(message, [&](const WireField& field, std::string_view) {
    if (field.tag == WireTag(number, WireType::kVarint)) last = field.scalar;
  });
  return last;
}

void WriteBody(const WireField& field, const Selection& selection, StringWireWriter& writer) {
  const bool is_event = field.number() == record_field::kEvent;
  const uint32_t count_number =
      is_event ? log_record_field::kDroppedAttributesCount : span_field::kDroppedAttributesCount;
  const auto mark = writer.Begin(field.number());
  Mender(writer, &selection).Message(field.bytes, is_event ? kLogRecord : kSpan);
  if (selection.surplus > 0) {
    // Of a scalar the last one counts.
    const uint64_t before = std::min<uint64_t>(LastScalar(field.bytes, count_number), UINT32_MAX);
    writer.Varint(count_number, std::min<uint64_t>(before + selection.surplus, UINT32_MAX));
  }
  writer.End(mark);
}

// The marks of the attributes that stay, at their new indexes.
void WriteMarks(const BareMarks& marks, const Selection& selection, StringWireWriter& writer) {
  static_assert(limits::kAttributes <= 128, "an index is one byte on the wire");
  std::string indexes;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < selection.keeps.size(); ++i) {
    if (!selection.keeps[i]) continue;
    if (marks.Has(i)) indexes += static_cast<char>(kept);
    ++kept;
  }
  if (!indexes.empty()) writer.Bytes(record_field::kBareAttributes, indexes);
}

std::string ValidTarget(std::string_view target) {
  std::string valid = ValidText(target);
  valid.resize(Utf8Boundary(valid, limits::kTargetBytes));
  return valid;
}

std::string RepairBare(std::string_view encoded, ShapeId id, FieldRange attributes) {
  const Selection selection = SelectAttributes(attributes, SIZE_MAX);
  std::string mended;
  StringWireWriter writer{StringSink(&mended)};
  Mender(writer, &selection).Message(encoded, id);
  return mended;
}

std::string RepairEnvelope(std::string_view encoded, ShapeId id) {
  std::string mended;
  StringWireWriter writer{StringSink(&mended)};
  Mender(writer, nullptr).Message(encoded, id);
  return mended;
}

// Which attributes have to go, by index, so that what stays takes at most so much.
std::vector<bool> SelectLargest(std::string_view resource, size_t most) {
  std::vector<std::pair<size_t, size_t>> sizes;  // with the index
  for (const std::string_view attribute : FieldRange(resource, resource_field::kAttributes)) {
    sizes.emplace_back(BytesFieldSize(resource_field::kAttributes, attribute.size()), sizes.size());
  }
  std::vector<bool> selected(sizes.size());
  std::sort(sizes.begin(), sizes.end());
  for (size_t size = resource.size(); size > most && !sizes.empty(); sizes.pop_back()) {
    size -= std::min(size, sizes.back().first);
    selected[sizes.back().second] = true;
  }
  return selected;
}

std::string FitResource(std::string_view resource, size_t most, uint32_t* left_out) {
  const std::vector<bool> goes = SelectLargest(resource, most);
  std::string fitted;
  StringWireWriter writer{StringSink(&fitted)};
  size_t attribute = 0;
  ForEachField(resource, [&](const WireField& field, std::string_view whole) {
    const bool is_attribute = field.number() == resource_field::kAttributes;
    if (!is_attribute || !goes[attribute++]) return writer.Raw(whole);
    ++*left_out;
  });
  if (fitted.size() > most) fitted.clear();
  const uint64_t before = LastScalar(resource, resource_field::kDroppedAttributesCount);
  writer.Varint(resource_field::kDroppedAttributesCount,
                std::min<uint64_t>(before + *left_out, UINT32_MAX));
  return fitted;
}

}  // namespace

std::string RepairRecord(std::string_view encoded) {
  const std::optional<RecordView> view = ReadRecord(encoded);
  if (!view) return {};
  const Selection selection = SelectAttributes(
      view->kind == RecordKind::kEvent ? view->event.attributes() : view->span.attributes());
  std::string mended;
  StringWireWriter writer{StringSink(&mended)};
  WriteMarks(view->bare, selection, writer);
  ForEachField(encoded, [&](const WireField& field, std::string_view whole) {
    if (field.number() == record_field::kTarget) {
      writer.Bytes(record_field::kTarget, ValidTarget(field.bytes));
    } else if (field.number() == record_field::kSpan || field.number() == record_field::kEvent) {
      WriteBody(field, selection, writer);
    } else if (field.number() != record_field::kBareAttributes) {
      writer.Raw(whole);
    }
  });
  return mended.size() <= limits::kRecordBytes ? mended : std::string();
}

std::string RepairResource(std::string_view encoded, bool* changed) {
  const ResourceVerdict verdict = CheckResource(encoded);
  *changed = !verdict.sound || verdict.flawed;
  if (!verdict.sound) return {};
  if (!verdict.flawed) return std::string(encoded);
  std::string mended;
  StringWireWriter writer{StringSink(&mended)};
  Mender(writer, nullptr).Message(encoded, kResource);
  return mended.size() <= limits::kResourceBytes ? mended : std::string();
}

std::string RepairBareSpan(std::string_view encoded) {
  return RepairBare(encoded, kSpan, FieldRange(encoded, span_field::kAttributes));
}

std::string RepairBareEvent(std::string_view encoded) {
  const auto event = ReadEvent(encoded);
  if (!event.has_value()) return {};
  const bool has_trace = !event->trace_id.IsZero();
  std::string kept;
  ForEachField(encoded, [&](const WireField& field, std::string_view whole) {
    const bool is_trace = field.number() == log_record_field::kTraceId;
    const bool is_span = field.number() == log_record_field::kSpanId;
    if (is_trace && !has_trace) return;
    if (is_span && (!has_trace || event->span_id.IsZero())) return;
    kept += whole;
  });
  return RepairBare(kept, kLogRecord, FieldRange(kept, log_record_field::kAttributes));
}

std::string RepairOtlpResource(std::string_view encoded, uint32_t* left_out) {
  *left_out = 0;
  // Room for the count that is added.
  constexpr size_t kMost = limits::kOtlpEnvelopeBytes - 8;
  const std::string mended = RepairEnvelope(encoded, kResource);
  return mended.size() <= kMost ? mended : FitResource(mended, kMost, left_out);
}

std::string RepairOtlpScope(std::string_view encoded) { return RepairEnvelope(encoded, kScope); }

}  // namespace sluice
