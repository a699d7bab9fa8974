// OTLP/gRPC.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/net/encode.h"
#include "agent/sinks/otlp/net/grpc_connection.h"
#include "agent/sinks/otlp/net/network_watch.h"
#include "agent/sinks/otlp/net/request_headers.h"
#include "agent/sinks/otlp/net/tls_files.h"
#include "agent/sinks/otlp/net/wait.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(Destination destination, RequestHeaders headers);

  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override;
  void Cancel() override { cancellation_.Cancel(); }
  int retry_fd() const override { return network_.fd(); }
  std::string Describe() const override;

 private:
  // Whether there is one, made now if need be; else `*failure` says why not.
  bool EnsureConnection(Deadline deadline, Answer* failure);
  Answer SendBody(Signal signal, absl::Span<const absl::string_view> body, Deadline deadline);
  Answer Sort(const GrpcReply& reply) const;
  void ReportExport(std::chrono::steady_clock::time_point begin, const Answer& answer) const;

  const Destination destination_;
  RequestHeaders headers_;
  TlsFiles tls_;
  Gzip gzip_;
  Cancellation cancellation_;
  NetworkWatch network_;
  std::unique_ptr<GrpcConnection> connection_;
  Deadline connection_end_;  // it is too old from then on
  bool is_fresh_ = false;    // nothing was sent on it
};

}  // namespace sluice::otlp
