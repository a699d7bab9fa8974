#include "agent/ingest/otlp/http_exports.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/ingest/otlp/json_reader.h"

namespace sluice::ingest::otlp {
namespace {

using net::ContentCoding;
using net::HttpResponse;
using net::RequestHead;

struct Path {
  std::string_view path;
  Signal signal;
};
constexpr std::array<Path, 3> kPaths = {{{"/v1/traces", Signal::kTraces},
                                         {"/v1/logs", Signal::kLogs},
                                         {"/v1/metrics", Signal::kMetrics}}};

std::optional<Signal> SignalOf(std::string_view path) {
  for (const Path& each : kPaths) {
    if (each.path == path) return each.signal;
  }
  return std::nullopt;
}

// `/package.Service/Method`
bool IsGrpcPath(std::string_view path) {
  const size_t method = path.find('/', 1);
  return method != path.npos && path.substr(0, method).find('.') != path.npos &&
         path.find('/', method + 1) == path.npos;
}

// What of the path leads to a guess: `/v1/v1/traces`, `/traces`, `/v1/traces/`.
std::string WordsFor(std::string_view path) {
  std::string_view trimmed = path.substr(0, 256);
  while (trimmed.ends_with('/')) trimmed.remove_suffix(1);
  for (const Path& each : kPaths) {
    if (trimmed.ends_with(each.path.substr(3))) {
      return absl::StrCat("nothing is served at this path; POST to ",
                          absl::string_view(each.path.data(), each.path.size()),
                          " (OTEL_EXPORTER_OTLP_ENDPOINT is to have no path)");
    }
  }
  return "nothing is served at this path; OTLP/HTTP is at /v1/traces, /v1/logs and /v1/metrics "
         "(OTEL_EXPORTER_OTLP_ENDPOINT is to have no path)";
}

HttpResponse Refusal(const char* reason, std::string_view http_status, const RequestHead& head,
                     const absl::Status& status) {
  HttpResponse response = ErrorAnswer(http_status, EncodingOf(head.content_type), status);
  response.refusal = reason;
  return response;
}

HttpResponse RefuseGrpc(const RequestHead& head) {
  if (!head.is_http1) {
    return Refusal("content_type", "415", head,
                   absl::InvalidArgumentError("a gRPC call has content-type application/grpc"));
  }
  HttpResponse response = Refusal("grpc_over_http1", "426", head,
                                  absl::UnimplementedError("gRPC needs HTTP/2; over HTTP/1.1 OTLP "
                                                           "is at /v1/traces, /v1/logs and "
                                                           "/v1/metrics"));
  response.fields.emplace_back("upgrade", "h2c");
  return response;
}

HttpResponse RefusePath(const RequestHead& head) {
  if (IsGrpcPath(head.path) || head.content_type.starts_with("application/grpc")) {
    return RefuseGrpc(head);
  }
  return Refusal("unknown_path", "404", head, absl::NotFoundError(WordsFor(head.path)));
}

HttpResponse RefuseMethod(const RequestHead& head) {
  HttpResponse response =
      Refusal("method", "405", head, absl::UnimplementedError("only POST is served here"));
  response.fields.emplace_back("allow", "POST");
  return response;
}

HttpResponse RefuseCoding(const RequestHead& head) {
  HttpResponse response =
      Refusal("content_encoding", "415", head,
              absl::UnimplementedError("of content encodings gzip and deflate are taken"));
  response.fields.emplace_back("accept-encoding", "gzip, deflate, identity");
  return response;
}

bool IsJson(const RequestHead& head) { return EncodingOf(head.content_type) == Encoding::kJson; }

}  // namespace

HttpExports::HttpExports(const Options& options) : options_(options) {}

std::optional<HttpResponse> HttpExports::Refuse(const RequestHead& head) {
  if (!SignalOf(head.path)) return RefusePath(head);
  if (head.method != "POST") return RefuseMethod(head);
  if (!EncodingOf(head.content_type)) {
    if (head.content_type.starts_with("application/grpc")) return RefuseGrpc(head);
    return Refusal("content_type", "415", head,
                   absl::InvalidArgumentError(
                       "the content-type is to be application/x-protobuf or application/json"));
  }
  if (!net::ParseContentCoding(head.content_encoding)) return RefuseCoding(head);
  return std::nullopt;
}

size_t HttpExports::MaxBodyBytes(const RequestHead& head) const {
  const size_t most = options_.receiver->max_request_bytes();
  return IsJson(head) ? std::min(kMaxJsonBytes, most) : most;
}

HttpResponse HttpExports::Explain(const RequestHead& head, const absl::Status& status) {
  const bool too_large = absl::IsResourceExhausted(status);
  return ErrorAnswer(too_large ? "413" : "503", EncodingOf(head.content_type), status,
                     too_large ? std::chrono::milliseconds(0) : kMemoryDelay);
}

void HttpExports::OnRequest(net::HttpExchange& exchange) {
  const RequestHead& head = exchange.head();
  const net::ExchangeId id = exchange.id();
  const Signal signal = *SignalOf(head.path);
  const Encoding encoding = *EncodingOf(head.content_type);
  const ContentCoding coding = *net::ParseContentCoding(head.content_encoding);
  net::HeldBody body = exchange.TakeBody();
  pending_[id] = {.signal = signal, .encoding = encoding};
  const bool is_json = encoding == Encoding::kJson;
  if (!is_json && coding == ContentCoding::kIdentity) return HandOver(id, std::move(body));
  BodyConverter::Body to_convert{.uid = exchange.connection().uid(),
                                 .held = std::move(body),
                                 .coding = coding,
                                 .json = is_json ? &RequestOf(signal) : nullptr,
                                 .max_bytes = MaxBodyBytes(head)};
  if (BodyConverter::IsQuick(to_convert)) {
    return OnConverted(id, BodyConverter::ConvertNow(std::move(to_convert), options_.budget));
  }
  pending_[id].conversion = options_.converter->Convert(
      std::move(to_convert), [this, id](absl::StatusOr<net::HeldBody> converted) {
        OnConverted(id, std::move(converted));
      });
}

void HttpExports::OnConverted(net::ExchangeId id, absl::StatusOr<net::HeldBody> body) {
  pending_[id].conversion = 0;
  if (body.ok()) return HandOver(id, *std::move(body));
  if (!absl::IsUnavailable(body.status())) {
    options_.counters->Add("net.refused", "invalid_body", exchanges_.Find(id)->connection().uid());
  }
  Answer(id, ReplyToFailedConversion(body.status()));
}

// The receiver charges the bytes itself.
void HttpExports::HandOver(net::ExchangeId id, net::HeldBody body) {
  const Signal signal = pending_[id].signal;
  body.charge.Release();
  const Receiver::Ticket ticket = options_.receiver->Receive(
      exchanges_.Find(id)->connection(), {.signal = signal, .encoded = std::move(body.bytes)},
      [this, id](const Reply& reply) { Answer(id, reply); });
  if (ticket != Receiver::kAnswered) pending_[id].receipt = ticket;
}

void HttpExports::Answer(net::ExchangeId id, const Reply& reply) {
  const auto entry = pending_.find(id);
  const Pending pending = entry->second;
  pending_.erase(entry);
  exchanges_.Find(id)->Respond(AnswerOf(pending.signal, pending.encoding, reply));
}

void HttpExports::OnGone(net::ExchangeId id) {
  const auto entry = pending_.find(id);
  const Pending pending = entry->second;
  pending_.erase(entry);
  if (pending.conversion != 0) options_.converter->Cancel(pending.conversion);
  if (pending.receipt != Receiver::kAnswered) options_.receiver->Abandon(pending.receipt);
}

}  // namespace sluice::ingest::otlp
