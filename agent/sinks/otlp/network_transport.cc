#include "agent/sinks/otlp/network_transport.h"

#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/sinks/otlp/net/load_module.h"
#include "proto/base/unique_fd.h"
#include "proto/record/names.h"

namespace sluice::otlp {
namespace {

constexpr uint16_t kGrpcPort = 4317;

NetworkProtocol ProtocolFor(Protocol configured, const Endpoint& endpoint) {
  switch (configured) {
    case Protocol::kGrpc:
      return NetworkProtocol::kGrpc;
    case Protocol::kHttpProtobuf:
      return NetworkProtocol::kHttpProtobuf;
    case Protocol::kHttpJson:
      return NetworkProtocol::kHttpJson;
    case Protocol::kAuto:
      break;
  }
  const bool is_grpc = endpoint.is_unix() || endpoint.port == kGrpcPort;
  return is_grpc ? NetworkProtocol::kGrpc : NetworkProtocol::kHttpProtobuf;
}

absl::string_view NameOf(NetworkProtocol protocol) {
  switch (protocol) {
    case NetworkProtocol::kGrpc:
      return "grpc";
    case NetworkProtocol::kHttpProtobuf:
      return "http/protobuf";
    case NetworkProtocol::kHttpJson:
      break;
  }
  return "http/json";
}

bool WantsGzip(Compression configured, const Endpoint& endpoint) {
  return configured == Compression::kGzip || (configured == Compression::kAuto && endpoint.tls);
}

// The unit denies it by default, and then each attempt would fail with words of libcurl's.
bool MayUseNetwork() {
  for (const int family : {AF_INET, AF_INET6}) {
    const UniqueFd probe(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (probe) return true;
  }
  return false;
}

constexpr absl::string_view kNoNetwork =
    "the service may not use the network; to let it: install -D -m 644 "
    "/usr/share/sluice/network.conf /etc/systemd/system/sluiced.service.d/network.conf && "
    "systemctl daemon-reload && systemctl restart sluiced";

}  // namespace

absl::StatusOr<Destination> DestinationOf(const OtlpSettings& settings) {
  Destination destination;
  ASSIGN_OR_RETURN(destination.endpoint, ParseEndpoint(settings.endpoint, settings.insecure));
  destination.protocol = ProtocolFor(settings.protocol, destination.endpoint);
  for (const Signal signal : kSignals) {
    std::string& path = destination.paths[static_cast<size_t>(signal)];
    const bool is_whole = !OwnEndpointOf(settings, signal).empty();
    path = destination.endpoint.path + (is_whole ? "" : path);
    if (path.empty()) path = "/";
  }
  destination.headers = settings.headers;
  destination.headers_file = settings.headers_file;
  destination.ca_file = settings.ca_file;
  destination.client_cert_file = settings.client_cert_file;
  destination.client_key_file = settings.client_key_file;
  destination.proxy = settings.proxy;
  destination.gzip = WantsGzip(settings.compression, destination.endpoint);
  destination.timeout = settings.timeout;
  destination.max_connection_age = settings.max_connection_age;
  destination.user_agent =
      absl::StrCat("OTel-OTLP-Exporter-Cpp/", kVersion.data(), " sluice/", kVersion.data());
  return destination;
}

NetworkTransport::NetworkTransport(Destination destination)
    : destination_(std::move(destination)),
      description_(
          absl::StrCat(destination_.endpoint.url(), " (", NameOf(destination_.protocol), ")")) {}

Answer NetworkTransport::Send(Signal signal, absl::Span<const absl::string_view> request) {
  Answer answer;
  answer.kind = Answer::Kind::kWait;
  Transport* const inner = Inner(&answer.message);
  return inner != nullptr ? inner->Send(signal, request) : answer;
}

Transport* NetworkTransport::Inner(std::string* error) {
  // Only this thread sets it.
  if (inner_) return inner_.get();
  if (!destination_.endpoint.is_unix() && !MayUseNetwork()) {
    *error = std::string(kNoNetwork);
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<Transport>> made = MakeNetworkTransport(destination_);
  if (!made.ok()) {
    *error = std::string(made.status().message());
    return nullptr;
  }
  MutexLock lock(&mutex_);
  if (is_cancelled_) (*made)->Cancel();
  inner_ = *std::move(made);
  return inner_.get();
}

void NetworkTransport::Cancel() {
  MutexLock lock(&mutex_);
  is_cancelled_ = true;
  if (inner_) inner_->Cancel();
}

}  // namespace sluice::otlp
