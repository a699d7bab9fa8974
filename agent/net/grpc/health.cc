#include "agent/net/grpc/health.h"

#include "agent/net/grpc/unary.h"

namespace sluice::net {
namespace {

// HealthCheckRequest { string service = 1 } that names none: nothing, or the field empty.
bool NamesNoService(std::string_view request) {
  return request.empty() || request == std::string_view("\x0a\x00", 2);
}

// HealthCheckResponse { ServingStatus status = 1 } with SERVING = 1.
constexpr std::string_view kServing = "\x08\x01";

}  // namespace

Route HealthRoute() {
  return {.factory = Unary([](Call& call, std::string_view request) {
            if (!NamesNoService(request)) {
              return call.Finish(absl::NotFoundError("only the whole server's health is known"));
            }
            call.Send(kServing);
            call.Finish(absl::OkStatus());
          }),
          .max_message_bytes = 1024};
}

}  // namespace sluice::net
