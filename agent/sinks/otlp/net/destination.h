// What a transport over a network, or over a Unix socket, is made from.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/sinks/otlp/net/endpoint.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

enum class NetworkProtocol { kGrpc, kHttpProtobuf, kHttpJson };

// What a call did on its way, for `sluice otlp test`.
struct Step {
  std::string what;  // `connect`, `tls`, `export`
  std::chrono::microseconds took{0};
  std::string detail;  // the address, the certificate, the answer
};

struct Destination {
  Endpoint endpoint;
  NetworkProtocol protocol = NetworkProtocol::kGrpc;
  // HTTP: where each signal goes, by Signal, as the request names it: `/v1/traces`.
  std::array<std::string, 3> paths = {"/v1/traces", "/v1/logs", "/v1/metrics"};
  // `name=value` with the value percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has them.
  std::vector<std::string> headers;
  // A file of mode 0600 with a line `Name: value` for each further header; it wins over the others.
  // Looked at before each request, and read again when it has changed.
  std::string headers_file;
  // PEM files, looked at for each new connection. Empty: the system's authorities, no certificate.
  std::string ca_file;
  std::string client_cert_file;
  std::string client_key_file;
  // `http://host:port`, `socks5://host:port`. Empty: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY of the
  // environment. NO_PROXY counts in both cases; this host itself is never reached by a proxy.
  std::string proxy;
  bool gzip = false;
  std::chrono::milliseconds timeout{10'000};  // of one call with all it takes; 0: none
  // An older connection is not used again, so that DNS and certificates take effect.
  std::chrono::milliseconds max_connection_age{300'000};
  std::string user_agent;
  // Called during Send, on its thread; null: nobody asks.
  std::function<void(const Step&)> on_step;
};

}  // namespace sluice::otlp
