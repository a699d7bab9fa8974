#include "agent/sinks/otlp/net/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace sluice::otlp {

void NetworkWatch::Start() {
  if (socket_) return;
  socket_.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  const auto* const own = reinterpret_cast<const sockaddr*>(&address);
  if (socket_ && bind(socket_.get(), own, sizeof(address)) != 0) socket_.reset();
}

void NetworkWatch::Clear() {
  std::array<char, 8192> buffer;
  // ENOBUFS: so many changes that some were lost, and more may follow.
  while (socket_ && (recv(socket_.get(), buffer.data(), buffer.size(), 0) >= 0 ||
                     errno == ENOBUFS || errno == EINTR)) {
  }
}

}  // namespace sluice::otlp
