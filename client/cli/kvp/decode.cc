#include "client/cli/kvp/decode.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "client/cli/kvp/cloud_init_value.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

// The records of one event, in the order of the text.
struct Group {
  Source source;
  std::vector<size_t> records;
  bool gap = false;
};

std::string Valid(std::string_view text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

// Reports and unknown keys stand for themselves, however often the key occurs.
bool HasChunks(Writer writer) { return writer != Writer::kReport && writer != Writer::kOther; }

std::vector<Group> GroupRecords(const PoolImage& image) {
  std::vector<Group> groups;
  std::map<std::string_view, size_t> by_key;
  for (size_t i = 0; i < image.size(); ++i) {
    const Source source = ParseKey(image.record(i).key);
    if (HasChunks(source.writer)) {
      const auto [known, fresh] = by_key.try_emplace(source.event_key, groups.size());
      if (!fresh) {
        groups[known->second].records.push_back(i);
        continue;
      }
    }
    groups.push_back({.source = source, .records = {i}});
  }
  return groups;
}

// cloud-init numbers its chunks; a record that stands twice is taken once.
void OrderChunks(const PoolImage& image, Group* group) {
  if (!group->source.chunk) return;
  std::map<size_t, size_t> by_number;
  for (const size_t index : group->records) {
    by_number.emplace(ParseKey(image.record(index).key).chunk.value_or(0), index);
  }
  group->records.clear();
  for (const auto& [number, index] : by_number) {
    group->gap |= number != group->records.size();
    group->records.push_back(index);
  }
}

Item Begin(const PoolImage& image, const Group& group) {
  const Source& source = group.source;
  return {.writer = source.writer,
          .key = Valid(image.record(group.records[0]).key),
          .source = Valid(source.prefix),
          .vm_id = Valid(source.vm_id),
          .level = source.level,
          .type = Valid(source.type),
          .name = Valid(source.name),
          .records = group.records,
          .incomplete = group.gap};
}

// Takes `label`, a time and what separates it from the next part off the front.
std::optional<uint64_t> TakeTime(std::string_view* value, std::string_view label) {
  if (!value->starts_with(label)) return std::nullopt;
  const std::string_view rest = value->substr(label.size());
  const size_t end = std::min(rest.find(" | "), rest.size());
  const std::optional<uint64_t> time = ParseUtc(rest.substr(0, end));
  if (time) value->remove_prefix(std::min(value->size(), label.size() + end + 3));
  return time;
}

// What stands behind a span's times: of one that failed, `Status: error` or `Status: error: WHY`.
void ReadStatus(std::string_view rest, Item* item) {
  static constexpr std::string_view kError = "Status: error";
  static constexpr std::string_view kColon = ": ";
  static constexpr std::string_view kAborted = "aborted: ";
  std::string_view why = rest;
  item->failed = rest.starts_with(kError);
  if (item->failed) why.remove_prefix(kError.size());
  item->failed = item->failed && (why.empty() || why.starts_with(kColon));
  if (!item->failed) {
    item->text = Valid(rest);
    return;
  }
  why.remove_prefix(std::min(why.size(), kColon.size()));
  item->error = Valid(why);
  if (why.starts_with(kAborted)) item->aborted = Valid(why.substr(kAborted.size()));
}

// `Time: T | Event: TEXT`, `Start: T | End: T`, or that and ` | Status: error: WHY`.
void ReadAzureValue(std::string_view value, Item* item) {
  static constexpr std::string_view kEvent = "Event: ";
  std::string_view rest = value;
  item->begin = TakeTime(&rest, "Time: ");
  if (item->begin && rest.starts_with(kEvent)) {
    item->kind = ItemKind::kEvent;
    item->text = Valid(rest.substr(kEvent.size()));
    return;
  }
  item->begin = TakeTime(&rest, "Start: ");
  item->end = TakeTime(&rest, "End: ");
  item->kind = item->begin && item->end ? ItemKind::kSpan : ItemKind::kOther;
  if (item->kind == ItemKind::kOther) {
    item->text = Valid(value);
  } else {
    ReadStatus(rest, item);
  }
}

void ReadCloudInit(const PoolImage& image, const Group& group, Item* item) {
  std::string escaped;
  for (const size_t index : group.records) {
    const std::string_view value = image.record(index).value;
    const std::optional<CloudInitValue> parsed = ParseCloudInitValue(value);
    if (!parsed) {
      item->incomplete = true;
      escaped += value;
      continue;
    }
    item->kind = ItemKind::kEvent;
    item->incomplete |= parsed->cut;
    item->begin = parsed->time;
    item->result = Valid(parsed->result);
    if (parsed->duration && parsed->time) {
      const double nano = std::clamp(*parsed->duration, 0.0, 1e9) * 1e9;
      item->end = parsed->time;
      item->begin = *parsed->time - std::min(*parsed->time, static_cast<uint64_t>(nano));
      item->kind = ItemKind::kSpan;
    }
    escaped += parsed->escaped_message;
  }
  item->text = Valid(UnescapeJson(escaped));
}

// Text is cut between code points of up to four bytes, so that a record is that full only where
// more followed: what does not follow here was given up, or was never written.
bool IsCutShort(std::string_view last_value) { return last_value.size() + 3 >= kSafeValueBytes; }

Item DecodeGroup(const PoolImage& image, const Group& group) {
  Item item = Begin(image, group);
  if (item.writer == Writer::kCloudInit) {
    ReadCloudInit(image, group, &item);
    return item;
  }
  std::string value;
  for (const size_t index : group.records) value += image.record(index).value;
  if (HasChunks(item.writer)) {
    ReadAzureValue(value, &item);
    item.incomplete |= IsCutShort(image.record(group.records.back()).value);
  } else {
    item.kind = item.writer == Writer::kReport ? ItemKind::kReport : ItemKind::kOther;
    item.text = Valid(value);
  }
  return item;
}

// A finish of cloud-init takes the place of its start.
std::vector<Item> JoinStartsAndFinishes(std::vector<Item> items) {
  std::map<std::pair<std::string, std::string>, size_t> started;  // (source, name) -> index
  std::vector<bool> joined(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    if (item.writer != Writer::kCloudInit) continue;
    if (item.type == "start") {
      item.kind = ItemKind::kSpan;
      started[{item.source, item.name}] = i;
    } else if (item.type == "finish") {
      const auto start = started.find({item.source, item.name});
      if (start == started.end()) continue;
      Item& first = items[start->second];
      if (item.kind == ItemKind::kEvent) item.end = item.begin;
      item.kind = ItemKind::kSpan;
      item.begin = first.begin ? first.begin : item.begin;
      item.incomplete |= first.incomplete;
      if (first.text != item.text) item.start_text = std::move(first.text);
      item.records.insert(item.records.begin(), first.records.begin(), first.records.end());
      joined[start->second] = true;
      started.erase(start);
    }
  }
  std::vector<Item> kept;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!joined[i]) kept.push_back(std::move(items[i]));
  }
  return kept;
}

void SortByTime(std::vector<Item>* items) {
  std::vector<std::pair<uint64_t, size_t>> order;
  uint64_t latest = 0;
  for (size_t i = 0; i < items->size(); ++i) {
    latest = (*items)[i].begin.value_or(latest);
    order.emplace_back(latest, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Item> sorted;
  for (const auto& [time, index] : order) sorted.push_back(std::move((*items)[index]));
  *items = std::move(sorted);
}

}  // namespace

std::vector<Item> Decode(const PoolImage& image) {
  std::vector<Item> items;
  for (Group& group : GroupRecords(image)) {
    OrderChunks(image, &group);
    items.push_back(DecodeGroup(image, group));
  }
  items = JoinStartsAndFinishes(std::move(items));
  SortByTime(&items);
  return items;
}

}  // namespace sluice::kvp
