#include "client/cli/kvp/usage.h"

#include <algorithm>
#include <map>
#include <utility>

#include "client/cli/kvp/shift.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {

PoolUsage Usage(const PoolImage& image) {
  PoolUsage usage{.records = image.size(),
                  .file_bytes = image.size() * kRecordBytes + image.torn_bytes(),
                  .torn_bytes = image.torn_bytes()};
  std::map<std::pair<Writer, std::string>, PoolUsage::Share> shares;
  const std::vector<Shift> shifts = FindShifts(image);
  for (size_t i = 0; i < image.size(); ++i) {
    if (IsShifted(shifts, i)) {
      ++usage.shifted;
      continue;
    }
    const Pair text = image.record(i);
    const Source source = ParseKey(text.key);
    std::string name;
    AppendValidUtf8(source.prefix, &name);
    PoolUsage::Share& share = shares[{source.writer, name}];
    share.writer = source.writer;
    share.source = name;
    ++share.records;
    share.text_bytes += text.key.size() + text.value.size();
  }
  for (auto& [writer, share] : shares) usage.shares.push_back(std::move(share));
  std::stable_sort(usage.shares.begin(), usage.shares.end(),
                   [](const auto& a, const auto& b) { return a.records > b.records; });
  return usage;
}

}  // namespace sluice::kvp
