#include "agent/app/sockets.h"

#include <filesystem>
#include <string>

#include "agent/base/status_macros.h"
#include "agent/net/activation.h"
#include "agent/net/unix_socket.h"

namespace sluice::app {
namespace {

constexpr mode_t kAdminMode = 0600;
constexpr mode_t kAdminDirectoryMode = 0700;

std::string DirectoryOf(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

absl::Status EnsureDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make directory ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenIngest(const config::SocketConfig& config) {
  RETURN_IF_ERROR(EnsureDirectory(DirectoryOf(config.ingest)));
  return net::ListenUnix(config.ingest, config.mode);
}

// A socket file of mode 0600 is enough where it shares a directory with the ingest socket, as in a
// test; by default it has one of its own that nobody else may enter.
absl::StatusOr<UniqueFd> OpenAdmin(const config::SocketConfig& config) {
  const std::string directory = DirectoryOf(config.admin);
  if (directory == DirectoryOf(config.ingest)) return net::ListenUnix(config.admin, kAdminMode);
  RETURN_IF_ERROR(EnsureDirectory(DirectoryOf(directory)));
  RETURN_IF_ERROR(net::EnsurePrivateDirectory(directory, kAdminDirectoryMode));
  return net::ListenUnix(config.admin, kAdminMode);
}

}  // namespace

absl::StatusOr<Sockets> OpenSockets(const config::SocketConfig& config) {
  ASSIGN_OR_RETURN(net::ActivatedSockets passed, net::TakeActivatedSockets());
  Sockets sockets;
  if (const auto found = passed.find("ingest"); found != passed.end()) {
    sockets.ingest = std::move(found->second);
  } else {
    ASSIGN_OR_RETURN(sockets.ingest, OpenIngest(config));
  }
  if (const auto found = passed.find("admin"); found != passed.end()) {
    sockets.admin = std::move(found->second);
  } else {
    ASSIGN_OR_RETURN(sockets.admin, OpenAdmin(config));
  }
  return sockets;
}

}  // namespace sluice::app
