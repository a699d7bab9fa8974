// Any answer of the agent as JSON.
#pragma once

#include <string>

#include "client/cli/render/json_writer.h"
#include "google/protobuf/message.h"

namespace sluice::cli {

// Protobuf's JSON with the fields' own names, all of them shown, and three differences that make it
// easier to use: bytes are hexadecimal, 64-bit counts are numbers, and only times and other fixed64
// fields, which a double cannot hold, are strings.
std::string MessageJson(const google::protobuf::Message& message);
// The same as one value of a document.
void WriteMessage(const google::protobuf::Message& message, JsonWriter* json);

}  // namespace sluice::cli
