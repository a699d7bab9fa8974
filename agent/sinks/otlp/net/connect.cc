#include "agent/sinks/otlp/net/connect.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/net/curl_transfer.h"
#include "agent/sinks/otlp/net/own_socket.h"

namespace sluice::otlp {
namespace {

using std::chrono::microseconds;

ConnectOutcome Failed(const std::string& what, int error) {
  return {.error = absl::StrCat(what, ": ", std::generic_category().message(error))};
}

// A busy listener's queue is full: the kernel has no event for room in it.
constexpr std::chrono::milliseconds kBusyPause{20};

ConnectOutcome ConnectUnix(const Destination& destination, Deadline deadline,
                           const Cancellation& cancellation) {
  const std::string& path = destination.endpoint.unix_path;
  const std::string what = absl::StrCat("cannot connect to ", path);
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path)) return Failed(what, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const std::string own = absl::StrCat(path, " is this agent's own socket");
  if (IsOwnSocket(path)) return {.error = own};
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Failed(what, errno);
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  while (::connect(socket.get(), to, sizeof(address)) != 0) {
    if (errno != EAGAIN && errno != EINTR) return Failed(what, errno);
    const Deadline next = std::min(deadline, std::chrono::steady_clock::now() + kBusyPause);
    if (WaitFor(-1, 0, next, cancellation) == WaitResult::kCancelled) return {.error = "cancelled"};
    if (PollTimeout(deadline) == 0) return {.error = absl::StrCat(what, ": it is busy")};
  }
  if (HasOwnPeer(socket.get())) return {.error = own};
  return {.socket = std::move(socket)};
}

ConnectOutcome ConnectTcp(const Destination& destination, Deadline deadline,
                          const Cancellation& cancellation) {
  CurlTransfer transfer;
  transfer.SetWay(destination);
  CURL* const easy = transfer.easy();
  // Its scheme says only that libcurl is to leave TLS to us.
  const std::string url = absl::StrCat("http://", destination.endpoint.authority());
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  const CURLcode code = transfer.Run(deadline, cancellation);
  if (code != CURLE_OK) {
    return {.error = transfer.Error(code), .no_network = transfer.FailedForNetwork(code)};
  }
  curl_socket_t theirs = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &theirs);
  // libcurl closes its own descriptor and leaves the connection alone.
  UniqueFd socket(fcntl(theirs, F_DUPFD_CLOEXEC, 0));
  if (!socket) return Failed("cannot keep the connection", errno);
  return {.socket = std::move(socket)};
}

}  // namespace

ConnectOutcome Connect(const Destination& destination, Deadline deadline,
                       const Cancellation& cancellation) {
  const auto begin = std::chrono::steady_clock::now();
  const bool is_unix = destination.endpoint.is_unix();
  ConnectOutcome outcome = is_unix ? ConnectUnix(destination, deadline, cancellation)
                                   : ConnectTcp(destination, deadline, cancellation);
  if (destination.on_step) {
    const auto took = std::chrono::steady_clock::now() - begin;
    destination.on_step({"connect", std::chrono::duration_cast<microseconds>(took),
                         outcome.socket ? destination.endpoint.url() : outcome.error});
  }
  return outcome;
}

}  // namespace sluice::otlp
