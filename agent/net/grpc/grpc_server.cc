#include "agent/net/grpc/grpc_server.h"

#include <array>

#include "agent/net/grpc/server_call.h"
#include "agent/net/grpc/text.h"
#include "proto/record/names.h"

namespace sluice::net {

GrpcServer::GrpcServer(const Options& options) : http_(options) {
  http_.AddCalls(this);
  AddRoute(method::kHealthCheck, health_.CheckRoute());
  AddRoute(Health::kWatch, health_.WatchRoute());
}

GrpcServer::~GrpcServer() { Close(); }

void GrpcServer::AddRoute(std::string_view path, Route route) {
  calls_.AddRoute(path, std::move(route));
}

// Of a head that is too large the content type may be missing; who sends one gets a status.
bool GrpcServer::Takes(const RequestHead& head) const {
  return !head.is_http1 && head.method == "POST" &&
         (IsGrpcContentType(head.content_type) || head.is_too_large());
}

std::unique_ptr<HttpCall> GrpcServer::Make(SocketConnection* connection, int32_t stream_id,
                                           const RequestHead& head) {
  auto call = std::make_unique<ServerCall>(&calls_, connection, stream_id);
  call->Begin(head);
  return call;
}

std::span<const std::string_view> GrpcServer::extra_fields() const {
  static constexpr std::array kFields = {kTimeoutField, kEncodingField};
  return kFields;
}

}  // namespace sluice::net
