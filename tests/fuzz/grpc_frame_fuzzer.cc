// Messages come out the same however their bytes were cut. Input: the size of the pieces in one
// byte, then the bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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

Outcome Cut(std::string_view bytes, size_t piece) {
  SpareBuffer spare;
  MessageReader reader(kMaxMessageBytes, &spare);
  Outcome outcome;
  while (!bytes.empty() && outcome.last == MessageReader::Next::kNeedMore) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    std::string_view message;
    while ((outcome.last = reader.Read(&part, &message)) == MessageReader::Next::kMessage) {
      outcome.messages.emplace_back(message);
    }
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
  if (!(sluice::net::Cut(input, piece) == sluice::net::Cut(input, size))) std::abort();
  return 0;
}
