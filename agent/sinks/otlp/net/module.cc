// sluice-otlp.so: everything that needs libcurl or OpenSSL.
#include "agent/sinks/otlp/net/module.h"

#include "agent/sinks/otlp/net/grpc_transport.h"
#include "agent/sinks/otlp/net/http_transport.h"
#include "agent/sinks/otlp/net/own_socket.h"

void SLUICE_OTLP_MODULE_FUNCTION(const sluice::otlp::Destination& destination,
                                 std::unique_ptr<sluice::otlp::Transport>* transport,
                                 std::string* error) {
  using sluice::otlp::NetworkProtocol;
  if (sluice::otlp::IsOwnSocket(destination.endpoint.unix_path)) {
    *error = destination.endpoint.unix_path + " is this agent's own socket";
    return;
  }
  sluice::otlp::RequestHeaders headers;
  const absl::Status set = headers.SetConfigured(destination.headers);
  if (!set.ok()) {
    *error = std::string(set.message());
    return;
  }
  headers.SetFile(destination.headers_file);
  if (destination.protocol == NetworkProtocol::kGrpc) {
    *transport = std::make_unique<sluice::otlp::GrpcTransport>(destination, std::move(headers));
  } else {
    *transport = std::make_unique<sluice::otlp::HttpTransport>(destination, std::move(headers));
  }
}
