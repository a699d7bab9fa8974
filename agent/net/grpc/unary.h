// Calls with one request message.
#pragma once

#include <functional>
#include <string_view>

#include "agent/net/grpc/call.h"

namespace sluice::net {

// Answers by Send and Finish, at once or afterwards. `request` is valid only during the call.
using UnaryFunction = std::function<void(Call& call, std::string_view request)>;

// A handler that passes the one message to `on_request`. No message, or another before the answer,
// ends the call with INVALID_ARGUMENT.
CallFactory Unary(UnaryFunction on_request);

}  // namespace sluice::net
