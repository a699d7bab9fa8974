#include "proto/kvp/edit.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "proto/kvp/slot.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

// libazureinit-kvp's, so that one of its users does not find more than it would have written.
constexpr size_t kUniqueKeys = 1024;

std::string TooManyKeys() {
  return "KVP unique key count exceeded maximum (" + std::to_string(kUniqueKeys) + ")";
}

std::string TooLong(const char* what, size_t size, size_t most) {
  return std::string("KVP ") + what + " length (" + std::to_string(size) + ") exceeds maximum (" +
         std::to_string(most) + ")";
}

std::string CheckRecordText(const KeyValue& record, bool unsafe) {
  const size_t longest_key = unsafe ? kKeyBytes : kSafeKeyBytes;
  std::string error = CheckKey(record.key);
  if (!error.empty()) return error;
  if (record.key.size() > longest_key) return TooLong("key", record.key.size(), longest_key);
  if (!IsValidUtf8(record.key)) return "KVP key is not valid UTF-8";
  return CheckValue(record.value, unsafe);
}

void AppendRecord(std::string_view key, std::string_view value, std::string* records) {
  records->append(key).append(kKeyBytes - key.size(), '\0');
  records->append(value).append(kValueBytes - value.size(), '\0');
}

std::string_view KeyAt(std::string_view records, size_t offset) {
  return DecodeRecord(records.substr(offset, kRecordBytes)).key;
}

// Removes the records from `begin` on whose key `matches`; returns how many.
template <typename Matches>
size_t RemoveRecords(size_t begin, Matches matches, std::string* records) {
  const size_t before = records->size();
  for (size_t at = begin; at < records->size();) {
    if (!matches(KeyAt(*records, at))) {
      at += kRecordBytes;
      continue;
    }
    const size_t last = records->size() - kRecordBytes;
    std::copy_n(records->begin() + static_cast<ptrdiff_t>(last), kRecordBytes,
                records->begin() + static_cast<ptrdiff_t>(at));
    records->resize(last);
  }
  return (before - records->size()) / kRecordBytes;
}

EditedPool Upsert(const KeyValue& record, std::string_view pool) {
  EditedPool edited{.records = std::string(pool), .removed = 0, .error = {}};
  std::unordered_set<std::string_view> keys;
  for (size_t at = 0; at < pool.size(); at += kRecordBytes) {
    const std::string_view key = KeyAt(pool, at);
    if (key == record.key) {
      std::string replaced;
      AppendRecord(record.key, record.value, &replaced);
      edited.records.replace(at, kRecordBytes, replaced);
      RemoveRecords(
          at + kRecordBytes, [&](std::string_view other) { return other == record.key; },
          &edited.records);
      return edited;
    }
    keys.insert(key);
  }
  if (keys.size() >= kUniqueKeys) {
    edited.error = TooManyKeys();
  } else {
    AppendRecord(record.key, record.value, &edited.records);
  }
  return edited;
}

}  // namespace

bool PoolEdit::idle() const {
  return (kind == Kind::kAppend && records.empty()) || (kind == Kind::kRemove && keys.empty());
}

std::string CheckKey(std::string_view key) {
  if (key.empty()) return "KVP key must not be empty";
  if (key.find('\0') != std::string_view::npos) return "KVP key must not contain null bytes";
  return {};
}

std::string CheckValue(std::string_view value, bool unsafe) {
  const size_t longest = unsafe ? kValueBytes : kSafeValueBytes;
  if (value.find('\0') != std::string_view::npos) return "KVP value must not contain null bytes";
  if (value.size() > longest) return TooLong("value", value.size(), longest);
  if (!IsValidUtf8(value)) return "KVP value is not valid UTF-8";
  return {};
}

std::string CheckEdit(const PoolEdit& edit) {
  for (const std::string& key : edit.keys) {
    if (std::string error = CheckKey(key); !error.empty()) return error;
  }
  for (const KeyValue& record : edit.records) {
    if (std::string error = CheckRecordText(record, edit.unsafe); !error.empty()) return error;
  }
  if (edit.kind != PoolEdit::Kind::kLoad) return {};
  std::set<std::string_view> keys;
  for (const KeyValue& record : edit.records) keys.insert(record.key);
  return keys.size() > kUniqueKeys ? TooManyKeys() : std::string();
}

std::string EncodeRecords(const PoolEdit& edit) {
  std::string records;
  for (const KeyValue& record : edit.records) AppendRecord(record.key, record.value, &records);
  return records;
}

EditedPool ApplyEdit(const PoolEdit& edit, std::string_view pool) {
  EditedPool edited;
  switch (edit.kind) {
    case PoolEdit::Kind::kAppend:
      edited.records = std::string(pool) + EncodeRecords(edit);
      break;
    case PoolEdit::Kind::kUpsert:
      return Upsert(edit.records.front(), pool);
    case PoolEdit::Kind::kLoad:
      edited.records = EncodeRecords(edit);
      break;
    case PoolEdit::Kind::kRemove:
      edited.records = pool;
      edited.removed = RemoveRecords(
          0,
          [&](std::string_view key) {
            return std::find(edit.keys.begin(), edit.keys.end(), key) != edit.keys.end();
          },
          &edited.records);
      break;
    case PoolEdit::Kind::kClear:
      edited.removed = pool.size() / kRecordBytes;
      break;
  }
  return edited;
}

}  // namespace sluice::kvp
