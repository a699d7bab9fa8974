#include "client/src/send/losses.h"

#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice {

// docs/protocol.md lists the words.
std::string EncodeLosses(const DropCounters& drops) {
  std::string fields;
  StringWireWriter writer{StringSink(&fields)};
  const auto tell = [&](std::string_view reason, const std::atomic<uint64_t>& count) {
    if (count == 0) return;
    const auto loss = writer.Begin(batch_field::kClientLosses);
    writer.Bytes(drop_field::kReason, reason);
    writer.Varint(drop_field::kCount, count);
    writer.End(loss);
  };
  tell("ring_full", drops.ring_full);
  tell("span_limit", drops.span_limit);
  tell("too_large", drops.too_large);
  return fields;
}

}  // namespace sluice
