// OTLP/HTTP: POST /v1/traces, /v1/logs and /v1/metrics, protobuf or JSON, over HTTP/1.1 and HTTP/2.
//
// Counters: `net.refused` (reason, uid), beside what HttpExchanges counts:
//   of requests: content_encoding content_type grpc_over_http1 invalid_body method unknown_path
#pragma once

#include <cstddef>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "agent/ingest/otlp/body_converter.h"
#include "agent/ingest/otlp/http_answer.h"
#include "agent/ingest/otlp/receiver.h"
#include "agent/net/http/http_exchanges.h"
#include "agent/self/counters.h"

namespace sluice::ingest::otlp {

// Lives and is called on the loop's thread.
class HttpExports final : public net::HttpService {
 public:
  struct Options {
    net::ByteBudget* budget = nullptr;
    Counters* counters = nullptr;
    Receiver* receiver = nullptr;
    BodyConverter* converter = nullptr;
  };

  // What is pointed to outlives it.
  explicit HttpExports(const Options& options);

  // For HttpServer::AddCalls, behind all others: it answers whatever comes.
  net::HttpExchanges& calls() { return exchanges_; }

  std::optional<net::HttpResponse> Refuse(const net::RequestHead& head) override;
  size_t MaxBodyBytes(const net::RequestHead& head) const override;
  net::HttpResponse Explain(const net::RequestHead& head, const absl::Status& status) override;
  void OnRequest(net::HttpExchange& exchange) override;
  void OnGone(net::ExchangeId exchange) override;

 private:
  // A request without an answer yet: in conversion, or with the receiver.
  struct Pending {
    Signal signal;
    Encoding encoding;
    BodyConverter::Ticket conversion = 0;
    Receiver::Ticket receipt = Receiver::kAnswered;
  };

  void OnConverted(net::ExchangeId id, absl::StatusOr<net::HeldBody> body);
  void HandOver(net::ExchangeId id, net::HeldBody body);
  void Answer(net::ExchangeId id, const Reply& reply);

  const Options options_;
  net::HttpExchanges exchanges_{this};
  absl::flat_hash_map<net::ExchangeId, Pending> pending_;
};

}  // namespace sluice::ingest::otlp
