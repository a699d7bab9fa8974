#include "agent/net/peer_table.h"

#include <algorithm>
#include <utility>

#include "agent/base/user_of.h"
#include "proto/wire/utf8.h"

namespace sluice::net {
namespace {

// What our own library and tool call themselves.
constexpr std::string_view kOurs = "sluice";

}  // namespace

void PeerTable::Note(const Identity& identity, std::string_view protocol,
                     std::string_view user_agent, uint64_t unix_nano) {
  const bool says_nothing = user_agent.empty() && protocol != "TLS";
  // Those of the tool come and go; those of the library have a list of their own.
  if (says_nothing || user_agent == kOurs) return;
  Peer noted;
  const auto known = std::ranges::find_if(peers_, [&](const Peer& peer) {
    return peer.identity == identity && peer.protocol == protocol;
  });
  if (known != peers_.end()) {
    noted = std::move(*known);
    peers_.erase(known);
  } else {
    MakeRoom(identity.uid);
    noted.identity = identity;
    noted.protocol = protocol;
  }
  ++noted.connections;
  noted.last_unix_nano = unix_nano;
  noted.user_agent.clear();
  AppendValidUtf8(user_agent, &noted.user_agent);
  peers_.push_back(std::move(noted));
}

void PeerTable::MakeRoom(uid_t uid) {
  const auto is_of_user = [user = UserOf(uid)](const Peer& peer) {
    return UserOf(peer.identity.uid) == user;
  };
  const auto of_user = static_cast<size_t>(std::ranges::count_if(peers_, is_of_user));
  if (of_user >= kPeersPerUser) {
    peers_.erase(std::ranges::find_if(peers_, is_of_user));
  } else if (peers_.size() >= kPeers) {
    peers_.erase(peers_.begin());
  }
}

std::vector<PeerTable::Peer> PeerTable::Copy(std::optional<uid_t> only_uid) const {
  std::vector<Peer> copy;
  std::ranges::copy_if(peers_, std::back_inserter(copy), [&](const Peer& peer) {
    return !only_uid || peer.identity.uid == *only_uid;
  });
  return copy;
}

}  // namespace sluice::net
