#include "client/cli/emit/tcp_peer.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "proto/base/unique_fd.h"

namespace sluice::cli {
namespace {

struct Question {
  nlmsghdr header = {};
  inet_diag_req_v2 request = {};
};

std::optional<sockaddr_in> NameOf(int socket, decltype(getsockname)* get_name) {
  sockaddr_in name = {};
  socklen_t size = sizeof(name);
  if (get_name(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return std::nullopt;
  if (name.sin_family != AF_INET) return std::nullopt;
  return name;
}

// Asks for one socket by all four of its numbers; the kernel finds it without a walk.
Question AskFor(const sockaddr_in& own, const sockaddr_in& remote) {
  Question question;
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = AF_INET;
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0u;
  question.request.id.idiag_sport = own.sin_port;
  question.request.id.idiag_dport = remote.sin_port;
  question.request.id.idiag_src[0] = own.sin_addr.s_addr;
  question.request.id.idiag_dst[0] = remote.sin_addr.s_addr;
  question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

// Only of these does the kernel keep the owner.
bool IsOwned(uint8_t state) {
  switch (state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<uid_t> PeerUid(int connection) {
  const auto own = NameOf(connection, getsockname);
  const auto remote = NameOf(connection, getpeername);
  if (!own || !remote) return std::nullopt;
  const UniqueFd kernel(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  // The other end names them the other way round.
  const Question question = AskFor(*remote, *own);
  if (send(kernel.get(), &question, sizeof(question), 0) != sizeof(question)) return std::nullopt;

  // Attributes that nobody asked for may follow.
  alignas(nlmsghdr) std::array<char, 4096> answer;
  ssize_t size;
  do {
    size = recv(kernel.get(), answer.data(), answer.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) return std::nullopt;
  nlmsghdr header;
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  inet_diag_msg found;
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof(found));
  if (!IsOwned(found.idiag_state)) return std::nullopt;
  return found.idiag_uid;
}

}  // namespace sluice::cli
