#include "agent/net/http/detect_protocol.h"

namespace sluice::net {
namespace {

constexpr std::string_view kHttp2 = "PRI";  // HTTP/1.1 has POST, PUT, PATCH, PROPFIND
constexpr std::string_view kTls = "\x16\x03";
static_assert(kHttp2.size() == kDecidingBytes && kTls.size() <= kDecidingBytes);

// `bytes` begins with `start`, or is the beginning of it.
bool Agree(std::string_view bytes, std::string_view start) {
  return bytes.starts_with(start) || start.starts_with(bytes);
}

}  // namespace

Protocol DetectProtocol(std::string_view first_bytes) {
  if (first_bytes.empty()) return Protocol::kUndecided;
  if (Agree(first_bytes, kHttp2)) {
    return first_bytes.size() < kHttp2.size() ? Protocol::kUndecided : Protocol::kHttp2;
  }
  if (Agree(first_bytes, kTls)) {
    return first_bytes.size() < kTls.size() ? Protocol::kUndecided : Protocol::kTls;
  }
  const bool is_upper = first_bytes[0] >= 'A' && first_bytes[0] <= 'Z';
  return is_upper ? Protocol::kHttp1 : Protocol::kUnknown;
}

}  // namespace sluice::net
