// Encodes the first message of a Connect stream.
#pragma once

#include <string>

#include "client/src/recorder.h"
#include "client/src/send/outbox.h"
#include "client/src/settings.h"
#include "proto/trace/ids.h"

namespace sluice {

// A ClientMessage. Its open spans are those that the agent may know as open: with a START in the
// ring or sent, and an END that is not acknowledged yet.
std::string EncodeHello(const Settings& settings, const ClientId& client_id, Recorder* recorder,
                        const Outbox& outbox);

}  // namespace sluice
