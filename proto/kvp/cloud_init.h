// cloud-init's reports in the words and under the keys of its own handler:
// `PREFIX|TYPE|NAME[|VM_ID]|UUID[|CHUNK]` and compact JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/record/view.h"

namespace sluice::kvp {

// What an event says that client/python/sluice/cloudinit.py made; views of its record.
struct CloudInitReport {
  std::string_view type;  // `start`, `finish`, ...
  std::string_view name;
  std::string_view time;    // as that cloud-init prints it
  std::string_view result;  // empty: none
  std::string_view message;
  std::optional<double> duration;  // seconds
  int64_t incarnation = 0;         // when the boot began, Unix seconds
  bool has_vm_id = false;          // as of cloud-init 26.1
};

// Nullopt: the event is none.
std::optional<CloudInitReport> FindCloudInitReport(const RecordView& record);

// `CLOUD_INIT|INCARNATION`, for who is trusted to speak for cloud-init.
std::string CloudInitPrefix(const CloudInitReport& report);

struct KeyAndValue {
  std::string key;
  std::string value;
};

// At most 254 and 1022 bytes each, which the host gets whole: a longer message goes on in the next,
// under a key of its own number. Each value is JSON, cut within no escape.
std::vector<KeyAndValue> CloudInitRecords(const CloudInitReport& report, std::string_view prefix,
                                          std::string_view vm_id, std::string_view uuid);

}  // namespace sluice::kvp
