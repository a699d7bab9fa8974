// What a destination answers is sorted whatever it is, into bounded delays and printable words.
// Input: kind and status in a byte each, a byte of content type, then the bytes of the answer,
// which serve as each of its parts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "agent/sinks/otlp/net/answers.h"
#include "proto/wire/utf8.h"

namespace sluice::otlp {
namespace {

void Check(const Answer& answer) {
  const bool is_printable = std::none_of(answer.message.begin(), answer.message.end(),
                                         [](unsigned char c) { return c < ' ' || c == 0x7f; });
  const bool is_sound =
      answer.message.size() <= 512 && is_printable && IsValidUtf8(answer.message) &&
      answer.delay.value_or(std::chrono::milliseconds(0)) >= std::chrono::milliseconds(0) &&
      answer.delay.value_or(std::chrono::milliseconds(0)) <= kLongestDelay;
  if (!is_sound) std::abort();
}

void SortAsGrpc(int status, const std::string& bytes) {
  const std::string encoded = absl::Base64Escape(bytes);
  Check(SortGrpc({.status = status, .message = bytes, .response = bytes}));
  Check(SortGrpc({.status = status, .details = bytes, .retry_info = bytes, .pushback_ms = bytes}));
  Check(SortGrpc({.status = status, .details = encoded}));
  Check(SortGrpc({.status = status, .retry_info = encoded}));
}

void SortAsHttp(int status, uint8_t type, const std::string& bytes) {
  const char* const types[] = {"", "application/json", "application/x-protobuf", "text/plain"};
  Check(SortHttp({.status = status, .content_type = types[type % 4], .body = bytes}));
  Check(SortHttpInsteadOfGrpc({.status = status, .content_type = bytes, .location = bytes}));
}

}  // namespace
}  // namespace sluice::otlp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size < 3) return 0;
  const std::string bytes(reinterpret_cast<const char*>(input) + 3, size - 3);
  if (input[0] % 2 == 0) {
    sluice::otlp::SortAsGrpc(input[1], bytes);
  } else {
    sluice::otlp::SortAsHttp(input[1] * 5, input[2], bytes);
  }
  return 0;
}
