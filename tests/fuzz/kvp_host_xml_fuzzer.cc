// Whatever a file from a host holds, what is made of it is whole records that the host could read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "client/cli/kvp/host_xml.h"
#include "proto/wire/utf8.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const auto image = sluice::kvp::ReadHostXml({reinterpret_cast<const char*>(bytes), size});
  if (!image) return 0;
  Require(image->torn_bytes() == 0);
  for (size_t i = 0; i < image->size(); ++i) {
    const sluice::kvp::Pair record = image->record(i);
    Require(sluice::IsValidUtf8(record.key) && sluice::IsValidUtf8(record.value));
    Require(record.key.size() <= sluice::kvp::kSafeKeyBytes);
  }
  return 0;
}
