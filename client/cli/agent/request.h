// What the tool asks an agent, from words of the command line or the environment, which may hold
// any bytes. protobuf takes only UTF-8 in a text field, and refuses the whole message.
#pragma once

#include <string>
#include <string_view>

#include "sluice/v1/record.pb.h"

namespace sluice::cli {

// The encoded request. What is not UTF-8 in its text fields becomes U+FFFD, as in all that is
// emitted.
std::string EncodeRequest(const google::protobuf::Message& request);

// An encoded record as a message, with the same mending.
v1::Record RecordMessage(std::string_view encoded);

}  // namespace sluice::cli
