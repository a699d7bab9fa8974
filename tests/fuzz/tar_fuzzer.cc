// Whatever an archive holds, what is read of it lies within it; and what was read can be packed and
// read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/base/tar.h"

namespace {

constexpr size_t kMaxName = 100;

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view archive(reinterpret_cast<const char*>(bytes), size);
  const auto members = sluice::ReadTar(archive);
  if (!members) return 0;
  sluice::TarWriter writer;
  size_t written = 0;
  for (const sluice::TarMember& member : *members) {
    Require(member.content.data() >= archive.data() &&
            member.content.data() + member.content.size() <= archive.data() + archive.size());
    if (member.name.empty() || member.name.size() > kMaxName) continue;
    writer.Add(member.name, member.content, 0);
    ++written;
  }
  const std::string again = std::move(writer).Finish();
  const auto read = sluice::ReadTar(again);
  Require(read && read->size() == written);
  return 0;
}
