#include "agent/sinks/otlp/net/endpoint.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::otlp {
namespace {

absl::Status Invalid(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' ", what));
}

bool HasOddBytes(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

absl::StatusOr<Endpoint> ParseUnix(absl::string_view text, absl::string_view path) {
  absl::ConsumePrefix(&path, "//");
  if (!absl::StartsWith(path, "/")) {
    return Invalid(text, "names no full path: unix:///run/collector.sock");
  }
  Endpoint endpoint;
  endpoint.unix_path = std::string(path);
  return endpoint;
}

// `host`, `host:port`, `[v6]:port`.
absl::Status ParseAuthority(absl::string_view text, absl::string_view authority,
                            Endpoint* endpoint) {
  absl::string_view host = authority;
  absl::string_view port;
  if (absl::ConsumePrefix(&host, "[")) {
    const size_t end = host.find(']');
    if (end == absl::string_view::npos) return Invalid(text, "lacks a ']'");
    port = host.substr(end + 1);
    host = host.substr(0, end);
    if (!port.empty() && !absl::StartsWith(port, ":")) return Invalid(text, "has no sound port");
  } else {
    const size_t colon = host.find(':');
    port = colon == absl::string_view::npos ? absl::string_view() : host.substr(colon);
    host = host.substr(0, colon);
  }
  if (host.empty()) return Invalid(text, "names no host");
  uint32_t number = endpoint->tls ? 443 : 80;
  if (absl::ConsumePrefix(&port, ":") &&
      (!absl::SimpleAtoi(port, &number) || number == 0 || number > UINT16_MAX)) {
    return Invalid(text, "has no sound port");
  }
  endpoint->host = absl::AsciiStrToLower(host);
  endpoint->port = static_cast<uint16_t>(number);
  return absl::OkStatus();
}

}  // namespace

std::string Endpoint::authority() const {
  if (is_unix()) return "localhost";
  const bool is_v6 = absl::StrContains(host, ':');
  return absl::StrCat(is_v6 ? "[" : "", host, is_v6 ? "]" : "", ":", port);
}

std::string Endpoint::url() const {
  if (is_unix()) return absl::StrCat("unix://", unix_path);
  return absl::StrCat(tls ? "https://" : "http://", authority(), path);
}

absl::StatusOr<Endpoint> ParseEndpoint(absl::string_view text, bool insecure) {
  if (HasOddBytes(text)) return Invalid(text, "holds a blank or a control character");
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) return ParseUnix(text, rest);
  Endpoint endpoint;
  const size_t scheme_end = text.find("://");
  if (scheme_end == absl::string_view::npos) {
    endpoint.tls = !insecure;
  } else {
    const std::string scheme = absl::AsciiStrToLower(text.substr(0, scheme_end));
    if (scheme != "http" && scheme != "https") {
      return Invalid(text, "begins with none of http://, https://, unix://");
    }
    endpoint.tls = scheme == "https";
    rest = text.substr(scheme_end + 3);
  }
  if (rest.find_first_of("?#@") != absl::string_view::npos) {
    return Invalid(text, "holds a user name, a query or a fragment; tokens belong in headers");
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  const absl::Status parsed = ParseAuthority(text, rest.substr(0, slash), &endpoint);
  if (!parsed.ok()) return parsed;
  endpoint.path = std::string(absl::StripSuffix(rest.substr(slash), "/"));
  return endpoint;
}

bool IsThisHost(const Endpoint& endpoint) {
  return endpoint.is_unix() || endpoint.host == "localhost" || endpoint.host == "::1" ||
         (absl::StartsWith(endpoint.host, "127.") &&
          endpoint.host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace sluice::otlp
