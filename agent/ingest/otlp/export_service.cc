#include "agent/ingest/otlp/export_service.h"

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "proto/record/names.h"

namespace sluice::ingest::otlp {
namespace {

void Respond(net::Call* call, const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kTaken:
      // Also where it is empty: some take its absence for a broken answer.
      call->Send(EncodeResponse(reply));
      return call->Finish(absl::OkStatus());
    case Reply::Kind::kInvalid:
      return call->Finish(absl::InvalidArgumentError(reply.message));
    case Reply::Kind::kTooLarge:
      return call->Finish(absl::ResourceExhaustedError(reply.message));
    case Reply::Kind::kBusy:
      return call->Finish(absl::UnavailableError(reply.message), reply.retry_delay.count());
  }
}

class ExportHandler final : public net::CallHandler {
 public:
  ExportHandler(Receiver* receiver, net::GrpcServer* server, Signal signal, net::Call* call)
      : receiver_(receiver), server_(server), signal_(signal), call_(call) {}

  void OnMessage(std::string_view message) override {
    if (std::exchange(asked_, true)) {
      receiver_->Abandon(ticket_);
      return call_->Finish(absl::InvalidArgumentError("more than one request message"));
    }
    const auto answer = [server = server_, id = call_->id()](const Reply& reply) {
      net::Call* const call = server->FindCall(id);
      if (call != nullptr) Respond(call, reply);
    };
    ticket_ = receiver_->Receive(call_->connection(),
                                 {.signal = signal_,
                                  .encoded = call_->TakeMessage(message),
                                  .deadline_boottime_nano = call_->deadline()},
                                 answer);
  }

  void OnHalfClose() override {
    if (!asked_) call_->Finish(absl::InvalidArgumentError("no request message"));
  }

  void OnCancel() override { receiver_->Abandon(ticket_); }

 private:
  Receiver* const receiver_;
  net::GrpcServer* const server_;
  const Signal signal_;
  net::Call* const call_;
  bool asked_ = false;
  Receiver::Ticket ticket_ = Receiver::kAnswered;
};

}  // namespace

void AddExportRoutes(Receiver* receiver, net::GrpcServer* server) {
  constexpr std::pair<std::string_view, Signal> kRoutes[] = {
      {method::kExportTraces, Signal::kTraces},
      {method::kExportLogs, Signal::kLogs},
      {method::kExportMetrics, Signal::kMetrics}};
  for (const auto& [path, signal] : kRoutes) {
    server->AddRoute(path, {[receiver, server, signal = signal](net::Call& call) {
                              return std::make_unique<ExportHandler>(receiver, server, signal,
                                                                     &call);
                            },
                            Receiver::kMaxRequestBytes, /*takes_gzip=*/true});
  }
}

}  // namespace sluice::ingest::otlp
