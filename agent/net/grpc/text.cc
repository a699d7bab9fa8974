#include "agent/net/grpc/text.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/record/otlp_field_numbers.h"
#include "proto/wire/utf8.h"
#include "proto/wire/writer.h"

namespace sluice::net {
namespace {

constexpr size_t kMaxMessageBytes = 1024;
// A hundred years: still far from overflow when added to a clock.
constexpr uint64_t kMaxTimeoutNanos = 3'153'600'000'000'000'000;

uint64_t NanosOfUnit(char unit) {
  switch (unit) {
    case 'H':
      return 3'600'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return 0;
  }
}

// An encoded google.rpc.RetryInfo.
std::string EncodeRetryInfo(int64_t delay_ms) {
  std::string info;
  StringWireWriter writer{StringSink(&info)};
  const auto delay = writer.Begin(retry_info_field::kRetryDelay);
  writer.Varint(duration_field::kSeconds, static_cast<uint64_t>(delay_ms / 1000));
  writer.Varint(duration_field::kNanos, static_cast<uint64_t>(delay_ms % 1000 * 1'000'000));
  writer.End(delay);
  return info;
}

// An encoded google.rpc.Status.
std::string EncodeStatus(int code, std::string_view message, std::string_view retry_info) {
  std::string status;
  StringWireWriter writer{StringSink(&status)};
  writer.Varint(rpc_status_field::kCode, static_cast<uint64_t>(code));
  writer.Bytes(rpc_status_field::kMessage, message);
  const auto detail = writer.Begin(rpc_status_field::kDetails);
  writer.Bytes(any_field::kTypeUrl, "type.googleapis.com/google.rpc.RetryInfo");
  writer.Bytes(any_field::kValue, retry_info);
  writer.End(detail);
  return status;
}

// Of a `-bin` field.
std::string EncodeBinary(std::string_view bytes) {
  std::string text = absl::Base64Escape({bytes.data(), bytes.size()});
  while (text.ends_with('=')) text.pop_back();
  return text;
}

}  // namespace

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!content_type.starts_with(kGrpc)) return false;
  content_type.remove_prefix(kGrpc.size());
  return content_type.empty() || content_type[0] == '+' || content_type[0] == ';';
}

std::optional<uint64_t> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const uint64_t unit = NanosOfUnit(text.back());
  text.remove_suffix(1);
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (unit == 0 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::min(count, kMaxTimeoutNanos / unit) * unit;
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return encoded;
}

HeaderFields FormatTrailers(const absl::Status& status, std::optional<int64_t> retry_after_ms) {
  HeaderFields fields;
  fields.emplace_back("grpc-status", absl::StrCat(status.raw_code()));
  const std::string_view whole(status.message().data(), status.message().size());
  const std::string_view message = whole.substr(0, Utf8Boundary(whole, kMaxMessageBytes));
  if (!message.empty()) fields.emplace_back("grpc-message", PercentEncode(message));
  if (retry_after_ms) {
    const std::string retry_info = EncodeRetryInfo(*retry_after_ms);
    fields.emplace_back("grpc-retry-pushback-ms", absl::StrCat(*retry_after_ms));
    fields.emplace_back("grpc-status-details-bin",
                        EncodeBinary(EncodeStatus(status.raw_code(), message, retry_info)));
    fields.emplace_back("google.rpc.retryinfo-bin", EncodeBinary(retry_info));
  }
  return fields;
}

}  // namespace sluice::net
