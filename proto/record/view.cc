#include "proto/record/view.h"

#include <algorithm>
#include <utility>

#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/walk.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

constexpr std::string_view kLevelNames[] = {"", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"};

bool EqualIgnoringCase(std::string_view upper, std::string_view text) {
  return std::equal(upper.begin(), upper.end(), text.begin(), text.end(), [](char u, char t) {
    return u == (t >= 'a' && t <= 'z' ? static_cast<char>(t - 'a' + 'A') : t);
  });
}

void ReadValueInto(std::string_view encoded, ValueView* value) {
  using Type = ValueView::Type;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(any_value_field::kStringValue, WireType::kBytes):
        *value = {.type = Type::kString, .text = field.bytes};
        break;
      case WireTag(any_value_field::kBoolValue, WireType::kVarint):
        *value = {.type = Type::kBool, .bool_value = field.scalar != 0};
        break;
      case WireTag(any_value_field::kIntValue, WireType::kVarint):
        *value = {.type = Type::kInt, .int_value = static_cast<int64_t>(field.scalar)};
        break;
      case WireTag(any_value_field::kDoubleValue, WireType::kFixed64):
        *value = {.type = Type::kDouble, .double_value = field.as_double()};
        break;
      case WireTag(any_value_field::kArrayValue, WireType::kBytes):
        *value = {.type = Type::kArray, .text = field.bytes};
        break;
      case WireTag(any_value_field::kKvlistValue, WireType::kBytes):
        *value = {.type = Type::kMap, .text = field.bytes};
        break;
      case WireTag(any_value_field::kBytesValue, WireType::kBytes):
        *value = {.type = Type::kBytes, .text = field.bytes};
        break;
      default:
        break;
    }
  }
}

}  // namespace

ValueView ReadValue(std::string_view encoded) {
  ValueView value;
  ReadValueInto(encoded, &value);
  return value;
}

AttributeView ReadAttribute(std::string_view encoded) {
  AttributeView attribute;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(key_value_field::kKey, WireType::kBytes)) attribute.key = field.bytes;
    if (field.tag == WireTag(key_value_field::kValue, WireType::kBytes)) {
      ReadValueInto(field.bytes, &attribute.value);
    }
  }
  return attribute;
}

bool TakePackedMarks(std::string_view packed, BareMarks* bare) {
  const char* const end = packed.data() + packed.size();
  for (const char* at = packed.data(); at != end;) {
    const Varint index = ReadVarint(at, end);
    if (index.end == nullptr) return false;
    bare->Set(index.value);
    at = index.end;
  }
  return true;
}

RecordFault FinishRecord(RecordBodies bodies, RecordView* view) {
  if (bodies.count != 1) return RecordFault::kNoBody;
  if (view->kind == RecordKind::kUnspecified) {
    view->kind = bodies.is_event ? RecordKind::kEvent : RecordKind::kSpan;
  }
  if (view->level == Level::kUnspecified && bodies.is_event) {
    view->level = LevelFromSeverity(view->event.severity_number);
  }
  if (view->level == Level::kUnspecified) view->level = Level::kInfo;
  return (view->kind == RecordKind::kEvent) == bodies.is_event ? RecordFault::kNone
                                                               : RecordFault::kNoBody;
}

std::optional<RecordView> ReadRecord(std::string_view encoded) {
  std::optional<RecordView> view(std::in_place);
  RecordVisitor visitor;
  if (WalkRecord(encoded, &*view, visitor) != RecordFault::kNone) view.reset();
  return view;
}

std::optional<SpanView> ReadSpan(std::string_view encoded) {
  std::optional<SpanView> span(std::in_place);
  RecordVisitor visitor;
  if (!WalkSpan(encoded, &*span, visitor)) span.reset();
  return span;
}

std::optional<EventView> ReadEvent(std::string_view encoded) {
  std::optional<EventView> event(std::in_place);
  RecordVisitor visitor;
  if (!WalkEvent(encoded, &*event, visitor)) event.reset();
  return event;
}

namespace {

// Looks for a level among the attributes.
struct LevelFinder : RecordVisitor {
  bool Attribute(std::string_view encoded) {
    if (level != Level::kUnspecified) return true;
    const AttributeView attribute = ReadAttribute(encoded);
    if (attribute.key != "level" || attribute.value.type != ValueView::Type::kString) return true;
    level = ParseLevel(attribute.value.text).value_or(Level::kUnspecified);
    return true;
  }

  Level level = Level::kUnspecified;
};

}  // namespace

std::string_view TargetOfScope(std::string_view scope_name) {
  if (scope_name.size() <= limits::kTargetBytes) return scope_name;
  return scope_name.substr(0, Utf8Boundary(scope_name, limits::kTargetBytes));
}

Level LevelOfEvent(const EventView& event) {
  const Level level = LevelFromSeverity(event.severity_number);
  return level == Level::kUnspecified ? Level::kInfo : level;
}

std::optional<RecordView> ReadBareSpan(std::string_view encoded, std::string_view scope_name) {
  std::optional<RecordView> view(std::in_place);
  LevelFinder finder;
  if (!WalkSpan(encoded, &view->span, finder)) return std::nullopt;
  view->kind = RecordKind::kSpan;
  view->level = finder.level == Level::kUnspecified ? Level::kInfo : finder.level;
  view->target = TargetOfScope(scope_name);
  return view;
}

std::optional<RecordView> ReadBareEvent(std::string_view encoded, std::string_view scope_name) {
  std::optional<RecordView> view(std::in_place);
  RecordVisitor visitor;
  if (!WalkEvent(encoded, &view->event, visitor)) return std::nullopt;
  view->kind = RecordKind::kEvent;
  view->level = LevelOfEvent(view->event);
  view->target = TargetOfScope(scope_name);
  return view;
}

Level LevelFromSeverity(uint32_t severity_number) {
  if (severity_number == 0) return Level::kUnspecified;
  if (severity_number >= 17) return Level::kError;
  if (severity_number >= 13) return Level::kWarn;
  if (severity_number >= 9) return Level::kInfo;
  return severity_number >= 5 ? Level::kDebug : Level::kTrace;
}

uint32_t SeverityFromLevel(Level level) {
  switch (level) {
    case Level::kError:
      return 17;
    case Level::kWarn:
      return 13;
    case Level::kInfo:
      return 9;
    case Level::kDebug:
      return 5;
    case Level::kTrace:
      return 1;
    case Level::kUnspecified:
      break;
  }
  return 0;
}

std::string_view LevelName(Level level) { return kLevelNames[static_cast<size_t>(level)]; }

std::optional<Level> ParseLevel(std::string_view text) {
  for (const Level level :
       {Level::kError, Level::kWarn, Level::kInfo, Level::kDebug, Level::kTrace}) {
    if (EqualIgnoringCase(LevelName(level), text)) return level;
  }
  return std::nullopt;
}

}  // namespace sluice
