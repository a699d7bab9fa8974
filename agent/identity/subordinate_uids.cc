#include "agent/identity/subordinate_uids.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sluice {
namespace {

using Names = absl::flat_hash_map<absl::string_view, uid_t>;

// Not asked of the name service, which may wait for a network that is not there yet.
Names ReadNames(absl::string_view passwd) {
  Names names;
  for (const absl::string_view line : absl::StrSplit(passwd, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    uid_t uid;
    if (fields.size() >= 3 && absl::SimpleAtoi(fields[2], &uid)) names.try_emplace(fields[0], uid);
  }
  return names;
}

std::optional<uid_t> FindUser(absl::string_view user, const Names& names) {
  uid_t uid;
  if (absl::SimpleAtoi(user, &uid)) return uid;
  const auto found = names.find(user);
  if (found == names.end()) return std::nullopt;
  return found->second;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<SubordinateUids> ParseSubordinateUids(absl::string_view subuid,
                                                  absl::string_view passwd) {
  const Names names = ReadNames(passwd);
  std::vector<SubordinateUids> ranges;
  for (const absl::string_view line : absl::StrSplit(subuid, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    uint32_t first, count;
    if (fields.size() != 3 || !absl::SimpleAtoi(fields[1], &first) ||
        !absl::SimpleAtoi(fields[2], &count) || count == 0 ||
        count - 1 > std::numeric_limits<uid_t>::max() - first) {
      continue;
    }
    const std::optional<uid_t> user = FindUser(fields[0], names);
    if (user) ranges.push_back({first, first + count - 1, *user});
  }
  return ranges;
}

std::vector<SubordinateUids> ReadSubordinateUids(const std::string& root) {
  return ParseSubordinateUids(ReadFile(root + "/etc/subuid"), ReadFile(root + "/etc/passwd"));
}

}  // namespace sluice
