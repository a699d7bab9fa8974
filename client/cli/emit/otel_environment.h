// What OpenTelemetry's SDKs are told by their environment.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

// How OTLP travels; one of kOtlpProtocols.
inline constexpr std::string_view kOtlpProtocols[] = {"grpc", "http/protobuf", "http/json"};

// `environment` (NAME=VALUE each) for a command whose exporters are to send to `endpoint`, a URL
// with the host 127.0.0.1. What would lead them elsewhere goes: endpoints and headers of single
// signals, certificates, proxies. Their protocol is `protocol`; empty: what it was.
std::vector<std::string> WithOtlpEndpoint(std::vector<std::string> environment,
                                          const std::string& endpoint, std::string_view protocol);

// A language of SDKs, and what brings them to a Unix socket.
struct OtelLanguage {
  std::string_view name;   // as typed
  std::string_view title;  // as read
  // Whether variables alone do for spans over gRPC.
  bool by_environment;
  // What they do not do, and what does; a sentence.
  std::string_view remark;
};
std::span<const OtelLanguage> OtelLanguages();

struct Variable {
  std::string_view name;
  std::string value;
};
// For the SDKs of every language that is `by_environment`, over the socket at `path` (absolute).
std::vector<Variable> OtelSocketVariables(const std::string& path);

}  // namespace sluice::cli
