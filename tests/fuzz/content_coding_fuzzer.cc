// Whatever a compressed body holds, no more comes of it than is allowed; and what was compressed
// comes out as it went in.
// Input: one byte that picks the coding, then the body.
#include <libdeflate.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/net/http/content_coding.h"

namespace {

using sluice::net::ContentCoding;

constexpr size_t kMaxBytes = 100'000;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string Compress(ContentCoding coding, std::string_view text) {
  static libdeflate_compressor* const compressor = libdeflate_alloc_compressor(1);
  const auto compress =
      coding == ContentCoding::kGzip ? libdeflate_gzip_compress : libdeflate_zlib_compress;
  std::string out(libdeflate_gzip_compress_bound(compressor, text.size()), '\0');
  out.resize(compress(compressor, text.data(), text.size(), out.data(), out.size()));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const ContentCoding coding = bytes[0] % 2 == 0 ? ContentCoding::kGzip : ContentCoding::kDeflate;
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const auto decoded = sluice::net::DecodeContent(coding, body, kMaxBytes);
  if (decoded.ok()) {
    Require(decoded->size() <= kMaxBytes);
    Require(decoded->size() <= sluice::net::DecodedBound(coding, body));
  }
  const auto again = sluice::net::DecodeContent(coding, Compress(coding, body), body.size());
  Require(again.ok() && *again == body);
  return 0;
}
