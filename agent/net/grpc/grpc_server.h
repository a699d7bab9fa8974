// gRPC on an HTTP server, which counts what it refuses (http/http_server.h) together with this:
//   `net.refused` (reason, uid)
//     of calls: compressed deadline headers_too_large malformed_timeout memory message_too_large
//               truncated_message unknown_method
//   `net.late_answers` (uid), calls that took effect and whose caller had stopped waiting by then
// Calls to unknown paths get UNIMPLEMENTED; grpc.health.v1.Health is always served.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "agent/net/grpc/call.h"
#include "agent/net/grpc/call_registry.h"
#include "agent/net/grpc/health.h"
#include "agent/net/http/http_server.h"

namespace sluice::net {

class GrpcServer final : private HttpCallFactory {
 public:
  using Limits = ServerLimits;
  using Options = HttpServer::Options;

  explicit GrpcServer(const Options& options);
  ~GrpcServer() override;

  // Before Serve.
  void AddRoute(std::string_view path, Route route);
  // `package.Service`, each once.
  std::set<std::string> Services() const { return calls_.Services(); }
  // Null: it has ended.
  Call* FindCall(CallId id) const { return calls_.Find(id); }

  // The server below, for calls of other kinds beside these.
  HttpServer& http() { return http_; }

  // As of HttpServer:
  absl::Status Serve(UniqueFd listening) { return http_.Serve(std::move(listening)); }
  void AddConnection(UniqueFd socket) { http_.AddConnection(std::move(socket)); }
  void ReleaseHeld() { http_.ReleaseHeld(); }
  void Drain(std::function<void()> on_drained) {
    health_.Stop();
    http_.Drain(std::move(on_drained));
  }
  void Close() { http_.Close(); }
  size_t connection_count() const { return http_.connection_count(); }

 private:
  bool Takes(const RequestHead& head) const override;
  std::unique_ptr<HttpCall> Make(SocketConnection* connection, int32_t stream_id,
                                 const RequestHead& head) override;
  std::span<const std::string_view> extra_fields() const override;

  Health health_;
  CallRegistry calls_;
  HttpServer http_;
};

}  // namespace sluice::net
