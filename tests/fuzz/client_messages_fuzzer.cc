// What an agent may send a client: the frames of a gRPC body, and the messages of a Connect stream.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "client/rpc/call.h"
#include "client/rpc/message_reader.h"
#include "client/src/send/server_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  sluice::DecodeServerMessage(input);
  sluice::rpc::DecodeGrpcMessage(input);
  sluice::rpc::MessageReader reader;
  reader.Append(input.substr(0, size / 2));
  for (std::string_view message; reader.Next(&message);) sluice::DecodeServerMessage(message);
  reader.Append(input.substr(size / 2));
  for (std::string_view message; reader.Next(&message);) sluice::DecodeServerMessage(message);
  return 0;
}
