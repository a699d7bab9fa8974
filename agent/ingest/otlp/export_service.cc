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
  ExportHandler(const ExportRoutes& routes, Signal signal, net::Call* call)
      : routes_(routes), signal_(signal), call_(call) {}

  void OnMessage(std::string_view message) override {
    if (std::exchange(asked_, true)) {
      OnCancel();
      return call_->Finish(absl::InvalidArgumentError("more than one request message"));
    }
    const net::ContentCoding coding = call_->message_coding();
    net::OwnedBytes bytes = call_->TakeMessage(message);
    if (coding == net::ContentCoding::kIdentity) return HandOver(std::move(bytes));
    Convert(coding, std::string(bytes.view()));
  }

  void OnHalfClose() override {
    if (!asked_) call_->Finish(absl::InvalidArgumentError("no request message"));
  }

  void OnCancel() override {
    if (conversion_ != 0) routes_.converter->Cancel(std::exchange(conversion_, 0));
    routes_.receiver->Abandon(ticket_);
  }

 private:
  void Convert(net::ContentCoding coding, std::string bytes) {
    const uid_t uid = call_->connection().uid();
    net::Charge charge(routes_.budget, uid);
    if (!charge.Resize(bytes.size())) {
      return OnConverted(absl::UnavailableError("there is no memory for the request"));
    }
    conversion_ = routes_.converter->Convert(
        {.uid = uid,
         .held = {.bytes = std::move(bytes), .charge = std::move(charge)},
         .coding = coding,
         .max_bytes = routes_.receiver->max_request_bytes()},
        [this](absl::StatusOr<net::HeldBody> body) { OnConverted(std::move(body)); });
  }

  void OnConverted(absl::StatusOr<net::HeldBody> body) {
    conversion_ = 0;
    if (!body.ok()) return Respond(call_, ReplyToFailedConversion(body.status()));
    // The receiver charges the bytes itself.
    body->charge.Release();
    HandOver(std::move(body->bytes));
  }

  void HandOver(net::OwnedBytes encoded) {
    const auto answer = [server = routes_.server, id = call_->id()](const Reply& reply) {
      net::Call* const call = server->FindCall(id);
      if (call != nullptr) Respond(call, reply);
    };
    ticket_ = routes_.receiver->Receive(call_->connection(),
                                        {.signal = signal_,
                                         .encoded = std::move(encoded),
                                         .deadline_boottime_nano = call_->deadline()},
                                        answer);
  }

  const ExportRoutes routes_;
  const Signal signal_;
  net::Call* const call_;
  bool asked_ = false;
  BodyConverter::Ticket conversion_ = 0;
  Receiver::Ticket ticket_ = Receiver::kAnswered;
};

}  // namespace

void AddExportRoutes(const ExportRoutes& routes) {
  constexpr std::pair<std::string_view, Signal> kRoutes[] = {
      {method::kExportTraces, Signal::kTraces},
      {method::kExportLogs, Signal::kLogs},
      {method::kExportMetrics, Signal::kMetrics}};
  for (const auto& [path, signal] : kRoutes) {
    const auto make = [routes, signal = signal](net::Call& call) {
      return std::make_unique<ExportHandler>(routes, signal, &call);
    };
    routes.server->AddRoute(path, {.factory = make,
                                   .max_message_bytes = routes.receiver->max_request_bytes(),
                                   .takes_gzip = true,
                                   .max_decompressed_bytes = kDecodedAtOnceBytes});
  }
}

}  // namespace sluice::ingest::otlp
