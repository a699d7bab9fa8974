// The routes of one server and its calls under way.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/net/grpc/call.h"
#include "agent/net/grpc/frame.h"

namespace sluice::net {

class CallRegistry {
 public:
  using RouteEntry = std::pair<const std::string, Route>;

  void AddRoute(std::string_view path, Route route) {
    routes_.insert_or_assign(std::string(path), std::move(route));
  }
  // Path and route; null: none.
  const RouteEntry* FindRoute(std::string_view path) const {
    const auto entry = routes_.find(path);
    return entry == routes_.end() ? nullptr : &*entry;
  }

  // `package.Service` of each route, once.
  std::set<std::string> Services() const {
    std::set<std::string> services;
    for (const auto& [path, route] : routes_) {
      services.insert(path.substr(1, path.rfind('/') - 1));
    }
    return services;
  }

  CallId Add(Call* call) {
    calls_.emplace(++last_call_, call);
    return last_call_;
  }
  void Remove(CallId id) { calls_.erase(id); }
  // Null: it has ended.
  Call* Find(CallId id) const {
    const auto call = calls_.find(id);
    return call == calls_.end() ? nullptr : call->second;
  }

  // For the messages of all calls.
  SpareBuffer& spare() { return spare_; }

 private:
  std::map<std::string, Route, std::less<>> routes_;
  CallId last_call_ = 0;
  absl::flat_hash_map<CallId, Call*> calls_;
  SpareBuffer spare_;
};

}  // namespace sluice::net
