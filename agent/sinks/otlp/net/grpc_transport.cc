#include "agent/sinks/otlp/net/grpc_transport.h"

#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/net/connect.h"
#include "agent/sinks/otlp/net/tls_stream.h"

namespace sluice::otlp {
namespace {

using std::chrono::steady_clock;

absl::string_view PathOf(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    case Signal::kLogs:
      return "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    case Signal::kMetrics:
      break;
  }
  return "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
}

}  // namespace

GrpcTransport::GrpcTransport(Destination destination, RequestHeaders headers)
    : destination_(std::move(destination)), headers_(std::move(headers)), tls_(destination_) {}

Answer GrpcTransport::Send(Signal signal, absl::Span<const absl::string_view> request) {
  if (!destination_.gzip) return SendBody(signal, request, DeadlineAfter(destination_.timeout));
  const std::string compressed = gzip_.Compress(JoinPieces(request));
  const absl::string_view body[] = {compressed};
  return SendBody(signal, body, DeadlineAfter(destination_.timeout));
}

// At most twice more than once: on a new connection where the old one had ended unnoticed, and with
// what the headers file says now where it has changed.
Answer GrpcTransport::SendBody(Signal signal, absl::Span<const absl::string_view> body,
                               Deadline deadline) {
  bool may_reconnect = true;
  bool may_read_again = true;
  absl::Status read = headers_.Refresh(false);
  while (true) {
    if (!read.ok()) return NoAnswer(read.message());
    Answer failure;
    if (!EnsureConnection(deadline, &failure)) return failure;
    const bool was_fresh = std::exchange(is_fresh_, false);
    const auto begin = steady_clock::now();
    const std::string authority = destination_.endpoint.authority();
    const GrpcReply reply =
        connection_->Call({.authority = authority,
                           .scheme = destination_.endpoint.tls ? "https" : "http",
                           .path = PathOf(signal),
                           .user_agent = destination_.user_agent,
                           .headers = headers_.list(),
                           .is_gzip = destination_.gzip,
                           .message = body},
                          deadline, cancellation_);
    const bool was_lost = reply.kind == GrpcReply::Kind::kNoAnswer;
    if (was_lost) connection_.reset();
    if (was_lost && may_reconnect && (!was_fresh || reply.is_untouched)) {
      may_reconnect = false;
      continue;
    }
    const bool is_refused = (reply.kind == GrpcReply::Kind::kGrpc && IsAuthRefusal(reply.grpc)) ||
                            (reply.kind == GrpcReply::Kind::kHttp && IsAuthRefusal(reply.http));
    if (is_refused && std::exchange(may_read_again, false)) {
      const HeaderList before = headers_.list();
      read = headers_.Refresh(true);
      if (before != headers_.list()) continue;
    }
    const Answer answer = Sort(reply);
    ReportExport(begin, answer);
    return answer;
  }
}

bool GrpcTransport::EnsureConnection(Deadline deadline, Answer* failure) {
  const bool is_young = steady_clock::now() < connection_end_;
  if (connection_ && is_young && connection_->usable()) return true;
  connection_.reset();
  network_.Clear();
  ConnectOutcome outcome = Connect(destination_, deadline, cancellation_);
  if (!outcome.socket) {
    *failure = NoAnswer(ExplainConnectFailure(outcome.error, outcome.no_network));
    outcome.no_network ? network_.Start() : network_.Stop();
    return false;
  }
  network_.Stop();
  std::unique_ptr<ByteStream> stream;
  if (destination_.endpoint.tls) {
    std::string error;
    stream = TlsStream::Open(std::move(outcome.socket), destination_, "h2", &tls_, deadline,
                             cancellation_, &error);
    if (!stream) {
      *failure = NoAnswer(error);
      return false;
    }
  } else {
    stream = std::make_unique<PlainStream>(std::move(outcome.socket));
  }
  connection_ = GrpcConnection::Create(std::move(stream));
  connection_end_ = steady_clock::now() + destination_.max_connection_age;
  is_fresh_ = true;
  return connection_ != nullptr;
}

Answer GrpcTransport::Sort(const GrpcReply& reply) const {
  switch (reply.kind) {
    case GrpcReply::Kind::kGrpc:
      return SortGrpc(reply.grpc);
    case GrpcReply::Kind::kHttp:
      return SortHttpInsteadOfGrpc(reply.http);
    case GrpcReply::Kind::kTooLong:
      return TooLongAnswer();
    case GrpcReply::Kind::kCutOff:
      return NoAnswer(absl::StrCat("the answer was cut off: ", reply.trouble));
    case GrpcReply::Kind::kTimeout:
      return NoAnswer("no answer in time");
    case GrpcReply::Kind::kCancelled:
      return NoAnswer("cancelled");
    case GrpcReply::Kind::kNoAnswer:
      break;
  }
  return NoAnswer(reply.trouble);
}

void GrpcTransport::ReportExport(steady_clock::time_point begin, const Answer& answer) const {
  if (!destination_.on_step) return;
  const auto took = steady_clock::now() - begin;
  destination_.on_step({"export", std::chrono::duration_cast<std::chrono::microseconds>(took),
                        answer.message.empty() ? "OK" : answer.message});
}

std::string GrpcTransport::Describe() const {
  return absl::StrCat(destination_.endpoint.url(), " (grpc)");
}

}  // namespace sluice::otlp
