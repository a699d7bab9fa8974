// An OTLP endpoint's address, as OTEL_EXPORTER_OTLP_ENDPOINT spells it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::otlp {

struct Endpoint {
  bool tls = false;
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  uint16_t port = 0;
  // With its `/`, without one at the end; empty where the URL has none.
  std::string path;
  // A Unix socket instead of host and port.
  std::string unix_path;

  bool is_unix() const { return !unix_path.empty(); }
  // `host:port`, with brackets where needed; for a Unix socket `localhost`.
  std::string authority() const;
  // `https://host:port/path` or `unix:///path`.
  std::string url() const;
};

// `http://HOST[:PORT][/PATH]`, `https://...`, `unix:///PATH`, `unix:/PATH`, or `HOST:PORT`, which
// means TLS unless `insecure`. Without a port it is 80 or 443. INVALID_ARGUMENT says what is wrong;
// user names, queries and fragments are.
absl::StatusOr<Endpoint> ParseEndpoint(absl::string_view text, bool insecure);

// Whether it can only be this host: a Unix socket, localhost, 127.0.0.0/8, ::1.
bool IsThisHost(const Endpoint& endpoint);

}  // namespace sluice::otlp
