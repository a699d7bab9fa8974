// A call's request as a protobuf message.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace sluice::net {

// INVALID_ARGUMENT: not encoded as such a message, or a text in it is not UTF-8, which the status
// names. That is found before libprotobuf sees it: libprotobuf logs it.
absl::Status ParseRequest(std::string_view encoded, google::protobuf::Message* message);

template <typename Message>
absl::StatusOr<Message> ParseRequest(std::string_view encoded) {
  Message message;
  const absl::Status parsed = ParseRequest(encoded, &message);
  if (!parsed.ok()) return parsed;
  return message;
}

}  // namespace sluice::net
