// Loads sluice-otlp.so, which an agent needs only for destinations over a network. libcurl and
// OpenSSL cost 8 MiB and 6 ms that no other agent should pay.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "agent/sinks/otlp/net/destination.h"

namespace sluice::otlp {

// Looks in `../lib/sluice/` and then beside the running program; what was loaded stays. NOT_FOUND:
// no module, and where it was looked for. FAILED_PRECONDITION: it is of another version or cannot
// be linked. INVALID_ARGUMENT: no transport can be made from `destination`.
absl::StatusOr<std::unique_ptr<Transport>> MakeNetworkTransport(const Destination& destination);

}  // namespace sluice::otlp
