#include "agent/base/journald.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "proto/base/unique_fd.h"

namespace sluice {

// A socket for each: such messages are rare, and journald may have been started anew.
bool SendToJournald(const std::string& socket_path, absl::string_view record) {
  sockaddr_un address{};
  if (socket_path.size() >= sizeof(address.sun_path)) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd.get() >= 0 &&
         ::sendto(fd.get(), record.data(), record.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), sizeof(address)) >= 0;
}

}  // namespace sluice
