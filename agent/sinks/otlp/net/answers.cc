#include "agent/sinks/otlp/net/answers.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/sinks/otlp/net/field_numbers.h"
#include "nlohmann/json.hpp"
#include "proto/text/escape.h"
#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"

namespace sluice::otlp {
namespace {

using std::chrono::milliseconds;
using Kind = Answer::Kind;

constexpr size_t kMaxMessageBytes = 512;
// A host may well have no network so soon.
constexpr std::chrono::minutes kBootTime{5};
// Longer bodies are no OTLP answers, and their text is not worth parsing.
constexpr size_t kMaxJsonBytes = 64 * 1024;

enum Code {
  kOk = 0,
  kCancelled = 1,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

constexpr std::array<absl::string_view, 17> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string CodeName(int code) {
  if (code >= 0 && code < static_cast<int>(kCodeNames.size())) {
    return std::string(kCodeNames[code]);
  }
  return absl::StrCat("gRPC status ", code);
}

milliseconds Bounded(milliseconds delay) {
  return std::clamp<milliseconds>(delay, milliseconds(0), kLongestDelay);
}

milliseconds ReadDuration(std::string_view encoded) {
  int64_t seconds = 0;
  int64_t nanos = 0;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(duration_field::kSeconds, WireType::kVarint))
      seconds = static_cast<int64_t>(field.scalar);
    if (field.tag == WireTag(duration_field::kNanos, WireType::kVarint))
      nanos = static_cast<int32_t>(field.scalar);
  }
  constexpr int64_t kMost = std::chrono::seconds(kLongestDelay).count();
  seconds = std::clamp<int64_t>(seconds, 0, kMost);
  return Bounded(milliseconds(seconds * 1000 + nanos / 1'000'000));
}

std::optional<milliseconds> ReadRetryInfo(std::string_view encoded) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(retry_info_field::kRetryDelay, WireType::kBytes))
      return ReadDuration(field.bytes);
  }
  return std::nullopt;
}

std::optional<milliseconds> RetryInfoOfAny(std::string_view encoded) {
  std::string_view type;
  std::string_view value;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(any_field::kTypeUrl, WireType::kBytes)) type = field.bytes;
    if (field.tag == WireTag(any_field::kValue, WireType::kBytes)) value = field.bytes;
  }
  if (!type.ends_with("/google.rpc.RetryInfo")) return std::nullopt;
  // Present with no delay in it: the peer means any time.
  return ReadRetryInfo(value).value_or(milliseconds(0));
}

struct RpcStatus {
  std::string message;
  std::optional<milliseconds> delay;
};
RpcStatus ReadRpcStatus(std::string_view encoded) {
  RpcStatus status;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(rpc_status_field::kMessage, WireType::kBytes))
      status.message = std::string(field.bytes);
    if (field.tag != WireTag(rpc_status_field::kDetails, WireType::kBytes)) continue;
    if (const auto delay = RetryInfoOfAny(field.bytes)) status.delay = delay;
  }
  return status;
}

std::optional<milliseconds> DelayOf(const GrpcOutcome& outcome) {
  std::string decoded;
  if (absl::Base64Unescape(outcome.details, &decoded)) {
    if (const auto delay = ReadRpcStatus(decoded).delay) return delay;
  }
  if (!outcome.retry_info.empty() && absl::Base64Unescape(outcome.retry_info, &decoded)) {
    if (const auto delay = ReadRetryInfo(decoded)) return delay;
  }
  int64_t pushback = 0;
  // A negative one asks for no retry at all, which a destination cannot ask of a journal.
  if (absl::SimpleAtoi(outcome.pushback_ms, &pushback) && pushback >= 0) {
    return Bounded(milliseconds(std::min<int64_t>(pushback, milliseconds(kLongestDelay).count())));
  }
  return std::nullopt;
}

// gRPC libraries say `received message larger than max (5000000 vs. 4194304)`.
std::optional<uint64_t> LearnLimit(absl::string_view message) {
  const size_t at = message.find("larger than max (");
  if (at == absl::string_view::npos) return std::nullopt;
  absl::string_view rest = message.substr(at);
  const size_t vs = rest.find(" vs. ");
  if (vs == absl::string_view::npos) return std::nullopt;
  rest.remove_prefix(vs + 5);
  uint64_t limit = 0;
  if (!absl::SimpleAtoi(rest.substr(0, rest.find(')')), &limit) || limit == 0) return std::nullopt;
  return limit;
}

uint64_t CountOf(int64_t rejected) { return static_cast<uint64_t>(std::max<int64_t>(rejected, 0)); }

void ReadPartialSuccess(std::string_view response, Answer* answer) {
  WireReader reader(response);
  for (WireField field; reader.Next(&field);) {
    if (field.tag != WireTag(export_response_field::kPartialSuccess, WireType::kBytes)) continue;
    WireReader partial(field.bytes);
    for (WireField inner; partial.Next(&inner);) {
      if (inner.tag == WireTag(export_partial_success_field::kRejected, WireType::kVarint)) {
        answer->rejected = CountOf(static_cast<int64_t>(inner.scalar));
      } else if (inner.tag ==
                 WireTag(export_partial_success_field::kErrorMessage, WireType::kBytes)) {
        answer->message = PeerText({inner.bytes.data(), inner.bytes.size()});
      }
    }
  }
}

bool IsJson(absl::string_view content_type) {
  return absl::StartsWithIgnoreCase(content_type, "application/json");
}
bool IsProtobuf(absl::string_view content_type) {
  return absl::StartsWithIgnoreCase(content_type, "application/x-protobuf");
}

nlohmann::json ParseJson(const std::string& body) {
  if (body.size() > kMaxJsonBytes) return nullptr;
  return nlohmann::json::parse(body, nullptr, false);
}

std::string TextOf(const nlohmann::json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// OTLP's JSON has 64-bit numbers as text, and takes them bare.
uint64_t RejectedIn(const nlohmann::json& partial) {
  for (const char* const key : {"rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"}) {
    const auto found = partial.find(key);
    if (found == partial.end()) continue;
    int64_t count = 0;
    if (found->is_number_unsigned()) {
      const auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
      count = static_cast<int64_t>(std::min(found->get<uint64_t>(), most));
    }
    if (found->is_string() && !absl::SimpleAtoi(found->get<std::string>(), &count)) count = 0;
    return CountOf(count);
  }
  return 0;
}

void ReadJsonPartialSuccess(const std::string& body, Answer* answer) {
  const nlohmann::json response = ParseJson(body);
  const auto partial = response.is_object() ? response.find("partialSuccess") : response.end();
  if (partial == response.end() || !partial->is_object()) return;
  answer->rejected = RejectedIn(*partial);
  answer->message = PeerText(TextOf(*partial, "errorMessage"));
}

Answer HttpDone(const HttpOutcome& outcome) {
  Answer answer;
  if (IsJson(outcome.content_type)) {
    ReadJsonPartialSuccess(outcome.body, &answer);
  } else if (IsProtobuf(outcome.content_type)) {
    ReadPartialSuccess(outcome.body, &answer);
  }
  return answer;
}

Kind KindOf(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
    case 407:
    case 408:
    case 425:
    case 429:
      return Kind::kWait;
    case 404:
    case 405:
    case 415:
    case 501:
      return Kind::kUnsupported;
    case 500:
      return Kind::kSplit;
    default:
      return http_status >= 400 && http_status < 500 ? Kind::kSplit : Kind::kWait;
  }
}

// What an administrator has most likely done, where the answer shows it.
absl::string_view Advice(const HttpOutcome& outcome) {
  // Go's, nginx's and Envoy's words.
  if (outcome.status == 400 && (absl::StrContains(outcome.body, "to an HTTPS server") ||
                                absl::StrContains(outcome.body, "to HTTPS port"))) {
    return "the server wants TLS: use https://";
  }
  switch (outcome.status) {
    case 404:
    case 405:
      return "the endpoint is a base, to which /v1/traces and its like are appended";
    case 415:
      return "protocol may be \"grpc\", \"http/protobuf\" or \"http/json\"";
    default:
      return {};
  }
}

// The peer's own words of an error, and the delay that came among them.
RpcStatus HttpError(const HttpOutcome& outcome) {
  if (IsProtobuf(outcome.content_type)) return ReadRpcStatus(outcome.body);
  RpcStatus status;
  if (IsJson(outcome.content_type)) status.message = TextOf(ParseJson(outcome.body), "message");
  if (status.message.empty()) status.message = outcome.body.substr(0, kMaxMessageBytes);
  return status;
}

std::string HttpMessage(const HttpOutcome& outcome, absl::string_view words) {
  std::string message = absl::StrCat("HTTP ", outcome.status);
  const absl::string_view advice = Advice(outcome);
  if (!advice.empty()) absl::StrAppend(&message, ", ", advice);
  if (!outcome.location.empty()) absl::StrAppend(&message, ", not followed: ", outcome.location);
  words = absl::StripAsciiWhitespace(words);
  if (!words.empty()) absl::StrAppend(&message, ": ", words);
  return PeerText(message);
}

Kind KindOf(const GrpcOutcome& outcome, bool has_delay) {
  switch (outcome.status) {
    case kCancelled:
    case kDeadlineExceeded:
    case kPermissionDenied:
    case kAborted:
    case kOutOfRange:
    case kUnavailable:
    case kDataLoss:
    case kUnauthenticated:
      return Kind::kWait;
    case kUnimplemented:
      return Kind::kUnsupported;
    case kResourceExhausted:
      return has_delay ? Kind::kWait : Kind::kSplit;
    default:
      return Kind::kSplit;
  }
}

}  // namespace

bool IsAuthRefusal(const GrpcOutcome& outcome) {
  return outcome.status == kUnauthenticated || outcome.status == kPermissionDenied;
}
bool IsAuthRefusal(const HttpOutcome& outcome) {
  return outcome.status == 401 || outcome.status == 403;
}

Answer SortGrpc(const GrpcOutcome& outcome) {
  Answer answer;
  if (outcome.status == kOk) {
    ReadPartialSuccess(outcome.response, &answer);
    return answer;
  }
  const auto delay = DelayOf(outcome);
  answer.kind = KindOf(outcome, delay.has_value());
  answer.message = PeerText(outcome.message.empty()
                                ? CodeName(outcome.status)
                                : absl::StrCat(CodeName(outcome.status), ": ", outcome.message));
  if (answer.kind == Kind::kWait) answer.delay = delay;
  if (IsAuthRefusal(outcome)) {
    answer.is_auth_refusal = true;
    answer.delay = std::max<milliseconds>(delay.value_or(milliseconds(0)), kAuthDelay);
  }
  if (outcome.status == kResourceExhausted && answer.kind == Kind::kSplit) {
    answer.max_request_bytes = LearnLimit(outcome.message);
    answer.may_be_load = !answer.max_request_bytes;
  }
  return answer;
}

Answer SortHttp(const HttpOutcome& outcome) {
  if (outcome.status >= 200 && outcome.status < 300) return HttpDone(outcome);
  const RpcStatus error = HttpError(outcome);
  Answer answer;
  answer.kind = KindOf(outcome.status);
  answer.message = HttpMessage(outcome, error.message);
  // A server that wants TLS has not looked at the request.
  if (absl::StrContains(Advice(outcome), "wants TLS")) answer.kind = Kind::kWait;
  if (answer.kind != Kind::kWait) return answer;
  answer.delay = error.delay;
  if (outcome.retry_after) answer.delay = Bounded(*outcome.retry_after);
  if (IsAuthRefusal(outcome)) {
    answer.is_auth_refusal = true;
    answer.delay = std::max<milliseconds>(answer.delay.value_or(milliseconds(0)), kAuthDelay);
  }
  return answer;
}

Answer SortHttpInsteadOfGrpc(const HttpOutcome& outcome) {
  switch (outcome.status) {
    case 200:
    case 404:
    case 405:
    case 415: {
      Answer answer;
      answer.kind = Kind::kUnsupported;
      answer.message =
          PeerText(absl::StrCat("HTTP ", outcome.status,
                                " from a server that speaks no gRPC there: protocol may be "
                                "\"http/protobuf\": ",
                                outcome.body));
      return answer;
    }
    default:
      return SortHttp(outcome);
  }
}

Answer NoAnswer(absl::string_view why) {
  Answer answer;
  answer.kind = Kind::kWait;
  answer.message = PeerText(why);
  return answer;
}

Answer TooLongAnswer() {
  Answer answer;
  answer.kind = Kind::kSplit;
  answer.message = "an answer of more than 4 MiB";
  return answer;
}

std::string ExplainConnectFailure(absl::string_view error, bool no_network) {
  timespec since_boot = {};
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const bool just_booted = std::chrono::seconds(since_boot.tv_sec) < kBootTime;
  return absl::StrCat(
      error, no_network && just_booted ? ": waiting for the network, nothing is lost" : "");
}

std::string PeerText(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text).substr(0, kMaxMessageBytes);
  std::string printable;
  AppendEscaped({text.data(), text.size()}, &printable);
  printable.resize(Utf8Boundary(printable, kMaxMessageBytes));
  return printable;
}

}  // namespace sluice::otlp
