#include "client/cli/emit/otel_environment.h"

#include <algorithm>
#include <array>

#include "client/cli/emit/environment_entry.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kPrefix = "OTEL_EXPORTER_OTLP_";
constexpr std::string_view kEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
constexpr std::string_view kInsecure = "OTEL_EXPORTER_OTLP_INSECURE";
constexpr std::string_view kProtocol = "OTEL_EXPORTER_OTLP_PROTOCOL";

// Of all signals, or of one: what says where a destination is, and what it is to be shown.
constexpr std::array<std::string_view, 5> kDestination = {"ENDPOINT", "INSECURE", "CERTIFICATE",
                                                          "CLIENT_KEY", "HEADERS"};

// Old SDKs send nothing of a signal whose exporter is not named.
constexpr std::array<std::string_view, 3> kExporters = {
    "OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER"};

// Many HTTP clients, and gRPC's, go to a proxy for 127.0.0.1 too.
constexpr std::array<std::string_view, 7> kProxies = {"http_proxy", "HTTP_PROXY", "all_proxy",
                                                      "ALL_PROXY",  "grpc_proxy", "https_proxy",
                                                      "HTTPS_PROXY"};
constexpr std::array<std::string_view, 3> kNoProxies = {"no_proxy", "NO_PROXY", "no_grpc_proxy"};

std::string* Find(std::vector<std::string>& environment, std::string_view name) {
  const auto found = std::ranges::find(environment, name, NameOf);
  return found == environment.end() ? nullptr : &*found;
}

bool LeadsElsewhere(std::string_view name) {
  return name.starts_with(kPrefix) &&
         std::ranges::any_of(kDestination, [&](auto end) { return name.ends_with(end); });
}

bool IsProtocol(std::string_view name) {
  return name.starts_with(kPrefix) && name.ends_with("PROTOCOL");
}

void AvoidProxies(std::vector<std::string>* environment) {
  const bool has_proxy =
      std::ranges::any_of(kProxies, [&](auto name) { return Find(*environment, name) != nullptr; });
  if (!has_proxy) return;
  for (const std::string_view name : kNoProxies) {
    std::string* const entry = Find(*environment, name);
    if (entry != nullptr) {
      *entry += ValueOf(*entry).empty() ? "127.0.0.1" : ",127.0.0.1";
    } else if (name != "no_grpc_proxy") {  // which, where it is set, wins over the others
      environment->push_back(Assign(name, "127.0.0.1"));
    }
  }
}

constexpr std::array<OtelLanguage, 9> kLanguages = {{
    {"go", "Go", true,
     "Logs over gRPC (otlploggrpc) and OTLP/HTTP do not read the socket from the environment."},
    {"python", "Python", true,
     "For gRPC; OTLP/HTTP takes a requests session that connects to the socket."},
    {"js", "JavaScript", true,
     "For gRPC, whose exporter never tries again; OTLP/HTTP takes httpAgentOptions.socketPath."},
    {"rust", "Rust", true,
     "For gRPC from opentelemetry-otlp 0.32, which tries again only with a retry policy."},
    {"cpp", "C++", true, "For gRPC; OTLP/HTTP cannot reach a Unix socket."},
    {"java", "Java", false, "No exporter takes a Unix socket from its environment."},
    {"dotnet", ".NET", false, "No exporter takes a Unix socket from its environment."},
    {"ruby", "Ruby", false, "No exporter takes a Unix socket."},
    {"php", "PHP", false, "No exporter takes a Unix socket from its environment."},
}};

}  // namespace

std::vector<std::string> WithOtlpEndpoint(std::vector<std::string> environment,
                                          const std::string& endpoint, std::string_view protocol) {
  std::erase_if(environment, [&](const std::string& entry) {
    const std::string_view name = NameOf(entry);
    return LeadsElsewhere(name) || (!protocol.empty() && IsProtocol(name));
  });
  environment.push_back(Assign(kEndpoint, endpoint));
  environment.push_back(Assign(kInsecure, "true"));
  if (!protocol.empty()) environment.push_back(Assign(kProtocol, protocol));
  for (const std::string_view name : kExporters) {
    if (Find(environment, name) == nullptr) environment.push_back(Assign(name, "otlp"));
  }
  AvoidProxies(&environment);
  return environment;
}

std::span<const OtelLanguage> OtelLanguages() { return kLanguages; }

std::vector<Variable> OtelSocketVariables(const std::string& path) {
  return {{kEndpoint, "unix://" + path}, {kInsecure, "true"}, {kProtocol, "grpc"}};
}

}  // namespace sluice::cli
