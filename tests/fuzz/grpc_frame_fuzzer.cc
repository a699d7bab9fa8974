// Messages come out the same however their bytes were cut, and where they were put. Input: the size
// of the pieces in one byte, then the bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/net/grpc/frame.h"

namespace sluice::net {
namespace {

constexpr size_t kMaxMessageBytes = 300;

struct Outcome {
  std::vector<std::string> messages;
  MessageReader::Next last = MessageReader::Next::kNeedMore;
  bool in_message = false;

  bool operator==(const Outcome&) const = default;
};

void Read(std::string_view part, MessageReader* reader, Outcome* outcome) {
  std::string_view message;
  while ((outcome->last = reader->Read(&part, &message)) == MessageReader::Next::kMessage) {
    outcome->messages.emplace_back(message);
  }
}

// `in_place`: as much as there is room for is put there first.
Outcome Cut(std::string_view bytes, size_t piece, bool in_place) {
  SpareBuffer spare;
  MessageReader reader(kMaxMessageBytes, &spare);
  Outcome outcome;
  while (!bytes.empty() && outcome.last == MessageReader::Next::kNeedMore) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    const std::span<char> room = in_place ? reader.Room(part.size()) : std::span<char>();
    const size_t placed = std::min(room.size(), part.size());
    if (placed > 0) {
      std::memcpy(room.data(), part.data(), placed);
      Read({room.data(), placed}, &reader, &outcome);
      part.remove_prefix(placed);
    }
    if (!part.empty()) Read(part, &reader, &outcome);
  }
  outcome.in_message = reader.in_message();
  return outcome;
}

}  // namespace
}  // namespace sluice::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const size_t piece = std::max<size_t>(bytes[0], 1);
  const auto whole = sluice::net::Cut(input, size, false);
  if (!(sluice::net::Cut(input, piece, false) == whole)) std::abort();
  if (!(sluice::net::Cut(input, piece, true) == whole)) std::abort();
  return 0;
}
