#include "sluice/grpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "proto/record/names.h"

namespace sluice {
namespace {

constexpr int kFirstBackoffMs = 50;
constexpr int kLongestBackoffMs = 1'000;
constexpr char kServiceConfig[] = R"({"methodConfig": [{
  "name": [{"service": "sluice.v1.Ingest", "method": "Emit"},
           {"service": "sluice.v1.Ingest", "method": "Flush"},
           {"service": "sluice.v1.Query"}, {"service": "sluice.v1.Control", "method": "Status"}],
  "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.05s", "maxBackoff": "1s",
                  "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]})";

// As a URI has it.
std::string Escaped(const std::string& path) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const unsigned char byte : path) {
    const bool is_plain =
        std::isalnum(byte) != 0 || std::string_view("/._-~").find(byte) != std::string::npos;
    if (is_plain) {
      escaped += static_cast<char>(byte);
    } else {
      escaped.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return escaped;
}

std::string SocketOfEnvironment() {
  const char* const path = std::getenv(std::string(kSocketEnv).c_str());
  return path != nullptr && *path != '\0' ? path : std::string(kIngestSocket);
}

}  // namespace

std::string AgentTarget(const std::string& socket) {
  const std::filesystem::path path = socket.empty() ? SocketOfEnvironment() : socket;
  return "unix:" + Escaped(std::filesystem::absolute(path).string());
}

grpc::ChannelArguments AgentChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstBackoffMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstBackoffMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestBackoffMs);
  arguments.SetServiceConfigJSON(kServiceConfig);
  return arguments;
}

std::shared_ptr<grpc::Channel> MakeAgentChannel(const std::string& socket) {
  return grpc::CreateCustomChannel(AgentTarget(socket), grpc::InsecureChannelCredentials(),
                                   AgentChannelArguments());
}

}  // namespace sluice
