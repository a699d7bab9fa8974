#include "agent/net/http/content_coding.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::net {
namespace {

// DEFLATE's largest ratio: a match of 258 bytes in two bits.
constexpr size_t kLargestRatio = 1032;
// gzip's shortest header and its trailer: the sum and the size (ISIZE).
constexpr size_t kGzipHeaderBytes = 10;
constexpr size_t kGzipTrailerBytes = 8;
// What a compressed body of unknown size is first given, as a multiple of its own size, and how the
// room grows where that is too little.
constexpr size_t kUsualRatio = 6;
constexpr size_t kGrowth = 4;

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* one) const { libdeflate_free_decompressor(one); }
};
using Decompressor = std::unique_ptr<libdeflate_decompressor, FreeDecompressor>;

size_t SizeByRatio(std::string_view body) {
  constexpr size_t kMost = std::numeric_limits<size_t>::max() / kLargestRatio;
  return std::min(body.size(), kMost) * kLargestRatio;
}

// Of the body's last 8 bytes the size is the second half.
size_t StatedSize(std::string_view gzip) {
  if (gzip.size() < kGzipHeaderBytes + kGzipTrailerBytes) return 0;
  uint32_t size = 0;
  std::memcpy(&size, gzip.data() + gzip.size() - sizeof(size), sizeof(size));
  return size;
}

absl::Status TooLarge(size_t max_bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("decompressed, the body has more than ", max_bytes, " bytes"));
}

absl::Status Malformed(ContentCoding coding) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the body is not valid ", coding == ContentCoding::kGzip ? "gzip" : "deflate (zlib)"));
}

// Into `out`, whose size is the most that may come; it is then cut to what came.
libdeflate_result Decompress(libdeflate_decompressor* decompressor, ContentCoding coding,
                             std::string_view body, std::string* out) {
  const auto decompress = coding == ContentCoding::kGzip ? libdeflate_gzip_decompress_ex
                                                         : libdeflate_zlib_decompress_ex;
  size_t taken = 0;
  size_t size = 0;
  const libdeflate_result result =
      decompress(decompressor, body.data(), body.size(), out->data(), out->size(), &taken, &size);
  if (result != LIBDEFLATE_SUCCESS) return result;
  out->resize(size);
  return taken == body.size() ? LIBDEFLATE_SUCCESS : LIBDEFLATE_BAD_DATA;
}

}  // namespace

std::optional<ContentCoding> ParseContentCoding(std::string_view name) {
  const absl::string_view word(name.data(), name.size());
  if (word.empty() || absl::EqualsIgnoreCase(word, "identity")) return ContentCoding::kIdentity;
  if (absl::EqualsIgnoreCase(word, "gzip") || absl::EqualsIgnoreCase(word, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  if (absl::EqualsIgnoreCase(word, "deflate")) return ContentCoding::kDeflate;
  return std::nullopt;
}

size_t DecodedBound(ContentCoding coding, std::string_view body) {
  switch (coding) {
    case ContentCoding::kGzip:
      return std::min(StatedSize(body), SizeByRatio(body));
    case ContentCoding::kDeflate:
      return SizeByRatio(body);
    default:
      return body.size();
  }
}

absl::StatusOr<std::string> DecodeContent(ContentCoding coding, std::string_view body,
                                          size_t max_bytes) {
  if (coding == ContentCoding::kIdentity) {
    if (body.size() > max_bytes) return TooLarge(max_bytes);
    return std::string(body);
  }
  const size_t bound = DecodedBound(coding, body);
  const bool is_stated = coding == ContentCoding::kGzip;
  if (is_stated && StatedSize(body) > max_bytes) return TooLarge(max_bytes);
  const size_t most = std::min(bound, max_bytes);
  size_t room = is_stated ? most : std::min(most, body.size() * kUsualRatio);
  const Decompressor decompressor(libdeflate_alloc_decompressor());
  if (decompressor == nullptr) return absl::ResourceExhaustedError("out of memory");
  for (;;) {
    std::string decoded(room, '\0');
    const libdeflate_result result = Decompress(decompressor.get(), coding, body, &decoded);
    if (result == LIBDEFLATE_SUCCESS) return decoded;
    if (result != LIBDEFLATE_INSUFFICIENT_SPACE) return Malformed(coding);
    if (room == most) break;
    room = std::min(most, room * kGrowth);
  }
  return is_stated ? Malformed(coding) : TooLarge(max_bytes);
}

}  // namespace sluice::net
