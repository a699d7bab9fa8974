// Requests with their whole bodies, and their answers, over HTTP/1.1 and HTTP/2 alike: what
// services beside gRPC's see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/net/byte_budget.h"
#include "agent/net/connection.h"
#include "agent/net/http/request_head.h"

namespace sluice::net {

struct HttpResponse {
  std::string status = "200";
  HeaderFields fields;  // beside content-length; names in lower case
  std::string body;
  // Where the request is not taken: a stable word in snake_case, counted as `net.refused`.
  const char* refusal = nullptr;
};

// A body, charged to its uid as long as this lives.
struct HeldBody {
  std::string bytes;
  Charge charge;
};

using ExchangeId = uint64_t;

// One request whose body is whole. Lives until its answer is out or its connection has ended;
// whoever answers in a later turn keeps the id and asks HttpExchanges::Find.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // Never used again by the same server.
  virtual ExchangeId id() const = 0;
  virtual Connection& connection() = 0;
  virtual const RequestHead& head() const = 0;
  // Once.
  virtual HeldBody TakeBody() = 0;
  // Once, in any turn.
  virtual void Respond(HttpResponse response) = 0;
};

// What one server serves beside gRPC. All of it is called on the loop's thread.
class HttpService {
 public:
  virtual ~HttpService() = default;

  // The answer to a request that is refused by its head. Its body is then passed over.
  virtual std::optional<HttpResponse> Refuse(const RequestHead& head) = 0;
  // Of a request that is not refused.
  virtual size_t MaxBodyBytes(const RequestHead& head) const = 0;
  // The answer where the body has more (RESOURCE_EXHAUSTED), or where its user holds too much
  // already (UNAVAILABLE).
  virtual HttpResponse Explain(const RequestHead& head, const absl::Status& status) = 0;
  // Answers now or later.
  virtual void OnRequest(HttpExchange& exchange) = 0;
  // After OnRequest: the answer cannot be delivered any more.
  virtual void OnGone(ExchangeId exchange) = 0;
};

}  // namespace sluice::net
