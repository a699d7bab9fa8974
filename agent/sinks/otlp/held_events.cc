#include "agent/sinks/otlp/held_events.h"

#include <iterator>
#include <string_view>

#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

constexpr size_t kBytesOfRoot = 4 * 1024 * 1024;
constexpr size_t kBytesPerUid = 1024 * 1024;
constexpr size_t kBytesOfUsers = 8 * 1024 * 1024;

// What it takes of memory, about.
size_t CostOf(const HeldEvent& event) { return 192 + event.target.size() + event.body.size(); }

bool Has(const EventView& event, std::string_view key) {
  for (const std::string_view encoded : event.attributes()) {
    if (ReadAttribute(encoded).key == key) return true;
  }
  return false;
}

}  // namespace

void AppendSpanEvent(const HeldEvent& held, std::string* span) {
  const std::optional<EventView> event = ReadEvent(held.body);
  if (!event.has_value()) return;
  const bool has_text = event->message.type == ValueView::Type::kString;
  const std::string_view message = has_text ? event->message.text : std::string_view();
  StringWireWriter writer{StringSink(span)};
  const auto mark = writer.Begin(span_field::kEvents, 2);
  writer.Fixed64(span_event_field::kTimeUnixNano, event->time_unix_nano);
  writer.Bytes(span_event_field::kName, event->event_name.empty() ? message : event->event_name);
  const auto write_absent = [&](std::string_view key, std::string_view value) {
    if (value.empty() || Has(*event, key)) return;
    WriteStringAttribute(writer, span_event_field::kAttributes, key, value);
  };
  if (!event->event_name.empty()) write_absent("message", message);
  write_absent("level", LevelName(held.level));
  write_absent("target", held.target);
  WireReader reader(held.body);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(log_record_field::kAttributes, WireType::kBytes)) {
      writer.Bytes(span_event_field::kAttributes, field.bytes);
    } else if (field.tag == WireTag(log_record_field::kBody, WireType::kBytes) && !has_text) {
      const auto attribute = writer.Begin(span_event_field::kAttributes, 2);
      writer.Bytes(key_value_field::kKey, "message");
      writer.Bytes(key_value_field::kValue, field.bytes);
      writer.End(attribute);
    } else if (field.tag == WireTag(log_record_field::kDroppedAttributesCount, WireType::kVarint)) {
      writer.Varint(span_event_field::kDroppedAttributesCount, field.scalar);
    }
  }
  writer.End(mark);
}

bool HeldEvents::Hold(const live::SpanKey& span, HeldEvent event, uint64_t now) {
  const size_t cost = CostOf(event);
  size_t& bytes = bytes_by_uid_[span.uid];
  const bool is_root = span.uid == 0;
  if (bytes + cost > (is_root ? kBytesOfRoot : kBytesPerUid)) return false;
  if (!is_root && bytes_of_users_ + cost > kBytesOfUsers) return false;
  bytes += cost;
  if (!is_root) bytes_of_users_ += cost;
  const auto [found, is_new] = by_span_.try_emplace(span);
  if (is_new) found->second.place = by_age_.emplace(by_age_.end(), now, span);
  found->second.events.push_back(std::move(event));
  return true;
}

std::vector<HeldEvent> HeldEvents::Take(const live::SpanKey& span) {
  const auto found = by_span_.find(span);
  if (found == by_span_.end()) return {};
  std::vector<HeldEvent> events = std::move(found->second.events);
  by_age_.erase(found->second.place);
  by_span_.erase(found);
  const auto bytes = bytes_by_uid_.find(span.uid);
  for (const HeldEvent& event : events) {
    bytes->second -= CostOf(event);
    if (span.uid != 0) bytes_of_users_ -= CostOf(event);
  }
  if (bytes->second == 0) bytes_by_uid_.erase(bytes);
  return events;
}

std::vector<HeldEvent> HeldEvents::TakeHeldSince(uint64_t time) {
  std::vector<HeldEvent> all;
  while (!by_age_.empty() && by_age_.front().first <= time) {
    std::vector<HeldEvent> events = Take(live::SpanKey(by_age_.front().second));
    all.insert(all.end(), std::make_move_iterator(events.begin()),
               std::make_move_iterator(events.end()));
  }
  return all;
}

}  // namespace sluice::otlp
