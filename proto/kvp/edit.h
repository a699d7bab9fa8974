// What root may do to a pool by name of key, with libazureinit-kvp's meaning of each: from the
// records before to the records after. No files here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kvp {

struct KeyValue {
  std::string key;
  std::string value;
};

struct PoolEdit {
  enum class Kind {
    kAppend,  // adds `records` at the end
    kUpsert,  // of its one record: replaces the key's first value, removes the key's other records
    kLoad,    // replaces everything by `records`
    kRemove,  // removes every record with one of `keys`
    kClear,   // removes everything
  };

  Kind kind = Kind::kClear;
  std::vector<KeyValue> records;
  std::vector<std::string> keys;
  // The fields' own limits (512, 2048 bytes) instead of those that the host reads (254, 1022).
  bool unsafe = false;
  // kClear: only a pool that was written last before this boot.
  bool if_stale = false;

  bool adds() const { return kind != Kind::kRemove && kind != Kind::kClear; }
  // It changes nothing, whatever the pool holds.
  bool idle() const;
};

// What is wrong with it, in libazureinit-kvp's words; empty: nothing. No file need be opened for
// an edit that is refused here.
std::string CheckEdit(const PoolEdit& edit);
// Of a key to look up or remove: it may have any length, and be no text.
std::string CheckKey(std::string_view key);
// Of the value of one record.
std::string CheckValue(std::string_view value, bool unsafe);

struct EditedPool {
  std::string records;
  size_t removed = 0;
  std::string error;  // not empty: nothing may be written
};

// `pool` holds whole records. A removed record's place is taken by the last one. A key that is new
// to a pool of 1024 keys is refused, but not to kAppend. `edit` has passed CheckEdit.
EditedPool ApplyEdit(const PoolEdit& edit, std::string_view pool);

// The records of an edit that adds, for the end of a file.
std::string EncodeRecords(const PoolEdit& edit);

}  // namespace sluice::kvp
