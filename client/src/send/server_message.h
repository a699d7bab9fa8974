// Decodes what the agent sends on a Connect stream: sluice.v1.ServerMessage.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "client/src/wanted_levels.h"

namespace sluice {

struct Welcome {
  uint64_t last_sequence = 0;
  std::optional<LevelTable> wanted;
};

struct Ack {
  uint64_t sequence = 0;
  uint64_t dropped = 0;  // records, for whatever reason
};

// Of the messages one is set; those that this client does not use (FlushResponse) set none.
struct ServerMessage {
  std::optional<Welcome> welcome;
  std::optional<Ack> ack;
  std::optional<LevelTable> hint;
};

// nullopt: malformed.
std::optional<ServerMessage> DecodeServerMessage(std::string_view encoded);

}  // namespace sluice
