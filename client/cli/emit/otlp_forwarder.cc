#include "client/cli/emit/otlp_forwarder.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "client/cli/emit/tcp_peer.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

// More wait in the listener's backlog. The agent grants a user 512.
constexpr size_t kMaxRelays = 400;

// How long a connection waits for room in the agent's backlog, and all others with it.
constexpr std::chrono::milliseconds kConnectTime{100};

// Small answers must not wait for one another.
void SendAtOnce(int connection) {
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

OtlpForwarder::OtlpForwarder(std::string socket)
    : socket_(std::move(socket)),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      max_relays_(kMaxRelays) {}

OtlpForwarder::~OtlpForwarder() {
  if (!thread_.joinable()) return;
  if (deadline_.load() == rpc::Deadline::max()) Stop(rpc::Deadline::min());
  thread_.join();
}

int OtlpForwarder::Listen() {
  if (!stop_event_) return EMFILE;
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (!listener || bind(listener.get(), generic, size) != 0 ||
      listen(listener.get(), SOMAXCONN) != 0 || getsockname(listener.get(), generic, &size) != 0) {
    return errno;
  }
  listener_ = std::move(listener);
  port_ = ntohs(address.sin_port);
  return 0;
}

std::string OtlpForwarder::endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

bool OtlpForwarder::Start() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    listener_.reset();
    return false;
  }
  return true;
}

void OtlpForwarder::Stop(rpc::Deadline deadline) {
  deadline_ = deadline;
  eventfd_write(stop_event_.get(), 1);
}

void OtlpForwarder::Run() {
  while (Serve()) {
  }
  relays_.clear();
}

bool OtlpForwarder::Serve() {
  std::vector<pollfd> ready;
  ready.push_back({.fd = stopping_ ? -1 : stop_event_.get(), .events = POLLIN, .revents = 0});
  const bool has_room = relays_.size() < max_relays_;
  ready.push_back({.fd = has_room ? listener_.get() : -1, .events = POLLIN, .revents = 0});
  for (const ByteRelay& relay : relays_) {
    for (const pollfd& interest : relay.Interests()) ready.push_back(interest);
  }
  const int timeout = stopping_ ? rpc::PollTimeout(deadline_) : -1;
  if (poll(ready.data(), ready.size(), timeout) < 0) return errno == EINTR;

  MoveAll(ready);
  if (ready[0].revents != 0) stopping_ = true;
  if (ready[1].revents != 0 || stopping_) AcceptAll();
  if (!stopping_) return true;
  // Those that have connected wait in the backlog no longer than it takes to accept them.
  listener_.reset();
  return !relays_.empty() && std::chrono::steady_clock::now() < deadline_.load();
}

void OtlpForwarder::MoveAll(const std::vector<pollfd>& ready) {
  size_t next = 2;
  std::erase_if(relays_, [&](ByteRelay& relay) {
    const bool is_ready = ready[next].revents != 0 || ready[next + 1].revents != 0;
    next += 2;
    return is_ready && !relay.Move();
  });
}

void OtlpForwarder::AcceptAll() {
  while (listener_ && relays_.size() < max_relays_) {
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) {
      Accept(std::move(client));
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR) continue;
    // Without descriptors for more, those that there are have to do.
    if (errno != EAGAIN) max_relays_ = std::max<size_t>(relays_.size(), 1);
    return;
  }
}

void OtlpForwarder::Accept(UniqueFd client) {
  const std::optional<uid_t> uid = PeerUid(client.get());
  if (!uid) return Refuse("the kernel does not tell whose it is");
  if (*uid != geteuid()) return Refuse("it is of uid " + std::to_string(*uid));
  SendAtOnce(client.get());
  rpc::Socket agent;
  // Without an agent it is closed; exporters try again.
  const auto deadline = std::chrono::steady_clock::now() + kConnectTime;
  if (!rpc::Socket::Connect(socket_, deadline, &agent).ok()) return;
  relays_.emplace_back(std::move(client), std::move(agent));
}

void OtlpForwarder::Refuse(const std::string& why) {
  if (std::exchange(has_refused_, true)) return;
  Note("refused a connection to port " + std::to_string(port_) + ": " + why + "; only what uid " +
       std::to_string(geteuid()) + " sends is forwarded");
}

}  // namespace sluice::cli
