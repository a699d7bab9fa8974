// pool_fill POOL: writes events from stdin into a pool, through the codec and the pool file.
//
// Input, any number of times: key, name, value; each as a little-endian uint32 size and bytes.
// Where `key` is empty the key is built from `name` and the running number; else it is taken as it
// comes. Stops before the pool would hold more than 1000 records. Prints how many events it took.
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sinks/kvp/pool_file.h"
#include "proto/kvp/key.h"
#include "proto/kvp/slot.h"

namespace sluice::kvp {
namespace {

constexpr uint64_t kMostRecords = 1000;
constexpr char kVmId[] = "00000000-0000-0000-0000-000000000001";

std::optional<std::string_view> Take(std::string_view* input) {
  uint32_t size = 0;
  if (input->size() < sizeof size) return std::nullopt;
  input->copy(reinterpret_cast<char*>(&size), sizeof size);
  const std::string_view field = input->substr(sizeof size, size);
  input->remove_prefix(sizeof size + field.size());
  return field;
}

std::string NumberedKey(std::string_view name, unsigned number) {
  char uuid[37];
  std::snprintf(uuid, sizeof uuid, "%08x-0000-4000-8000-000000000000", number);
  return BuildKey({.prefix = "sluice-0.1.0",
                   .vm_id = kVmId,
                   .level = Level::kInfo,
                   .event_name = name,
                   .uuid = uuid},
                  Profile::kSafe);
}

int Fill(const std::string& path, std::string_view input) {
  PoolFile pool({.path = path});
  unsigned events = 0;
  while (const std::optional<std::string_view> key = Take(&input)) {
    const std::string_view name = Take(&input).value_or("");
    const std::string_view value = Take(&input).value_or("");
    std::string records;
    AppendRecords(key->empty() ? NumberedKey(name, events) : std::string(*key), value,
                  Profile::kSafe, &records);
    absl::StatusOr<PoolFile::Session> session = pool.Lock();
    if (session.ok() && (session->size() + records.size()) / kRecordBytes > kMostRecords) break;
    const absl::Status status = session.ok() ? session->Append(records) : session.status();
    if (!status.ok()) {
      std::cerr << "pool_fill: " << status << "\n";
      return 1;
    }
    ++events;
  }
  std::cout << events << "\n";
  return 0;
}

}  // namespace
}  // namespace sluice::kvp

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "Usage: pool_fill POOL\n";
    return 2;
  }
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  return sluice::kvp::Fill(argv[1], input);
}
