// Whatever JSON comes, what is made of it is well-formed protobuf, and says the same when it is
// written as JSON and read again.
// Input: one byte that picks the signal, then the body.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/ingest/otlp/json_reader.h"
#include "proto/otlp/json_writer.h"
#include "proto/otlp/schema.h"

namespace {

using sluice::ingest::otlp::JsonToWire;
using sluice::otlp::Message;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string ToJson(const Message& message, std::string_view encoded) {
  std::string json;
  sluice::otlp::AppendJson(message, encoded, &json);
  return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const Message* const messages[] = {&sluice::otlp::kTraceRequest, &sluice::otlp::kLogsRequest,
                                     &sluice::otlp::kMetricsRequest};
  const Message& message = *messages[bytes[0] % 3];
  const auto encoded =
      JsonToWire(message, std::string(reinterpret_cast<const char*>(bytes) + 1, size - 1));
  if (!encoded.ok()) return 0;
  // A name that came twice is one field in what we write.
  const std::string json = ToJson(message, *encoded);
  const auto again = JsonToWire(message, json);
  Require(again.ok());
  Require(ToJson(message, *again) == json);
  return 0;
}
