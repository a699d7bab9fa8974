// Decoding, usage and check of a pool of any bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/cli/kvp/check.h"
#include "client/cli/kvp/decode.h"
#include "client/cli/kvp/usage.h"
#include "proto/wire/utf8.h"

using namespace sluice::kvp;

namespace {

// Every record of the file belongs to exactly one item, but for doubles of a numbered chunk.
void CheckItems(const PoolImage& image) {
  size_t records = 0;
  for (const Item& item : Decode(image)) {
    records += item.records.size();
    if (item.records.empty()) __builtin_trap();
    if (!sluice::IsValidUtf8(item.text) || !sluice::IsValidUtf8(item.key)) __builtin_trap();
  }
  if (records > image.size()) __builtin_trap();
}

// Short inputs as records: each line `KEY=VALUE` becomes one.
std::string RecordsOfLines(const std::string& text) {
  std::string records;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const size_t equals = std::min(line.find('='), line.size());
    std::string key = line.substr(0, std::min<size_t>(equals, kKeyBytes));
    std::string value = equals < line.size() ? line.substr(equals + 1) : "";
    key.resize(kKeyBytes);
    value.resize(kValueBytes);
    records += key + value;
    begin = end + 1;
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const PoolImage& image : {PoolImage(bytes), PoolImage(RecordsOfLines(bytes))}) {
    CheckItems(image);
    if (Usage(image).records != image.size()) __builtin_trap();
    Check(image);
  }
  return 0;
}
