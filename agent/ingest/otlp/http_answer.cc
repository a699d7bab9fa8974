#include "agent/ingest/otlp/http_answer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/otlp/json_writer.h"
#include "proto/record/otlp_field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::ingest::otlp {
namespace {

constexpr std::string_view kProtobufType = "application/x-protobuf";
constexpr std::string_view kJsonType = "application/json";

bool IsType(std::string_view content_type, std::string_view type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return absl::EqualsIgnoreCase({content_type.data(), content_type.size()},
                                {type.data(), type.size()});
}

net::HttpResponse Encoded(std::string_view http_status, Encoding encoding,
                          const sluice::otlp::Message& message, std::string encoded) {
  net::HttpResponse response;
  response.status = http_status;
  const bool is_json = encoding == Encoding::kJson;
  response.fields.emplace_back("content-type", is_json ? kJsonType : kProtobufType);
  if (is_json) {
    sluice::otlp::AppendJson(message, encoded, &response.body);
  } else {
    response.body = std::move(encoded);
  }
  return response;
}

std::string EncodeStatus(const absl::Status& status) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  writer.Varint(sluice::otlp::kStatus.Find("code")->number,
                static_cast<uint64_t>(status.raw_code()));
  writer.Bytes(sluice::otlp::kStatus.Find("message")->number,
               {status.message().data(), status.message().size()});
  return encoded;
}

// Whole seconds are all that the field can say, and 0 would mean at once.
std::string RetryAfter(std::chrono::milliseconds delay) {
  return absl::StrCat(std::max<int64_t>(1, (delay.count() + 999) / 1000));
}

}  // namespace

std::optional<Encoding> EncodingOf(std::string_view content_type) {
  if (IsType(content_type, kProtobufType) || IsType(content_type, "application/protobuf")) {
    return Encoding::kProtobuf;
  }
  if (IsType(content_type, kJsonType)) return Encoding::kJson;
  return std::nullopt;
}

const sluice::otlp::Message& RequestOf(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return sluice::otlp::kTraceRequest;
    case Signal::kLogs:
      return sluice::otlp::kLogsRequest;
    default:
      return sluice::otlp::kMetricsRequest;
  }
}

const sluice::otlp::Message& ResponseOf(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return sluice::otlp::kTraceResponse;
    case Signal::kLogs:
      return sluice::otlp::kLogsResponse;
    default:
      return sluice::otlp::kMetricsResponse;
  }
}

net::HttpResponse AnswerOf(Signal signal, Encoding encoding, const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kTaken:
      return Encoded("200", encoding, ResponseOf(signal), EncodeResponse(reply));
    case Reply::Kind::kInvalid:
      return ErrorAnswer("400", encoding, absl::InvalidArgumentError(reply.message));
    case Reply::Kind::kTooLarge:
      return ErrorAnswer("413", encoding, absl::ResourceExhaustedError(reply.message));
    default:
      return ErrorAnswer("503", encoding, absl::UnavailableError(reply.message), reply.retry_delay);
  }
}

net::HttpResponse ErrorAnswer(std::string_view http_status, std::optional<Encoding> encoding,
                              const absl::Status& status, std::chrono::milliseconds retry_delay) {
  net::HttpResponse response;
  if (encoding) {
    response = Encoded(http_status, *encoding, sluice::otlp::kStatus, EncodeStatus(status));
  } else {
    response.status = http_status;
    response.fields.emplace_back("content-type", "text/plain");
    response.body = absl::StrCat(status.message(), "\n");
  }
  if (retry_delay.count() > 0) {
    response.fields.emplace_back("retry-after", RetryAfter(retry_delay));
  }
  return response;
}

}  // namespace sluice::ingest::otlp
