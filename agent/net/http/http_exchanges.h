// The calls of an HttpService on an HttpServer. Counts what it refuses (http_server.h):
//   `net.refused` (reason, uid)
//     of requests: body_too_large headers_too_large memory, and what the service says
#pragma once

#include <memory>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "agent/net/http/http_call.h"
#include "agent/net/http/http_service.h"

namespace sluice::net {

// Takes every request that comes to it, so that it stands behind the other kinds of calls.
class HttpExchanges final : public HttpCallFactory {
 public:
  // Not owned.
  explicit HttpExchanges(HttpService* service) : service_(service) {}

  // Null: it has ended.
  HttpExchange* Find(ExchangeId id) const {
    const auto exchange = exchanges_.find(id);
    return exchange == exchanges_.end() ? nullptr : exchange->second;
  }

  bool Takes(const RequestHead&) const override { return true; }
  std::unique_ptr<HttpCall> Make(SocketConnection* connection, int32_t stream_id,
                                 const RequestHead& head) override;

 private:
  class ExchangeCall;

  HttpService* const service_;
  ExchangeId last_exchange_ = 0;
  absl::flat_hash_map<ExchangeId, HttpExchange*> exchanges_;
};

}  // namespace sluice::net
