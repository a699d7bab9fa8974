// Archives of small trees of files, as tar(1) reads and writes them: POSIX ustar, regular files
// only. The tool writes one, the agent reads one that may have been packed again by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// A view into the archive it was read from.
struct TarMember {
  std::string name;  // without `./` in front
  std::string_view content;
};

// The regular files of an archive, in its order; what else it holds is passed over. nullopt: it is
// no archive, or ends in the middle.
std::optional<std::vector<TarMember>> ReadTar(std::string_view archive);

class TarWriter {
 public:
  // `name` has at most 100 bytes. Modified at `unix_seconds`; only its owner may read it.
  void Add(std::string_view name, std::string_view content, uint64_t unix_seconds);
  // The whole archive, after which nothing can be added.
  std::string Finish() &&;

 private:
  std::string archive_;
};

}  // namespace sluice
