#include "agent/net/http/content_coding.h"

#include <libdeflate.h>

#include <memory>

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

using absl::StatusCode;

std::string Compress(ContentCoding coding, std::string_view text) {
  libdeflate_compressor* const compressor = libdeflate_alloc_compressor(6);
  const bool gzip = coding == ContentCoding::kGzip;
  const auto bound = gzip ? libdeflate_gzip_compress_bound : libdeflate_zlib_compress_bound;
  const auto compress = gzip ? libdeflate_gzip_compress : libdeflate_zlib_compress;
  std::string out(bound(compressor, text.size()), '\0');
  out.resize(compress(compressor, text.data(), text.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

StatusCode CodeOf(ContentCoding coding, std::string_view body, size_t max_bytes) {
  return DecodeContent(coding, body, max_bytes).status().code();
}

constexpr ContentCoding kCompressed[] = {ContentCoding::kGzip, ContentCoding::kDeflate};

TEST(ContentCodingTest, KnowsTheNamesInAnyCase) {
  EXPECT_EQ(ParseContentCoding(""), ContentCoding::kIdentity);
  EXPECT_EQ(ParseContentCoding("identity"), ContentCoding::kIdentity);
  EXPECT_EQ(ParseContentCoding("GZip"), ContentCoding::kGzip);
  EXPECT_EQ(ParseContentCoding("x-gzip"), ContentCoding::kGzip);
  EXPECT_EQ(ParseContentCoding("deflate"), ContentCoding::kDeflate);
  for (const char* other : {"br", "zstd", "gzip, gzip", "gzip ", "snappy"}) {
    EXPECT_EQ(ParseContentCoding(other), std::nullopt) << other;
  }
}

TEST(ContentCodingTest, GivesBackWhatWasCompressed) {
  for (const ContentCoding coding : kCompressed) {
    for (const std::string& text :
         {std::string(), std::string("x"), std::string(100'000, 'y'), std::string(99, '\0')}) {
      const std::string body = Compress(coding, text);
      EXPECT_GE(DecodedBound(coding, body), text.size());
      const auto decoded = DecodeContent(coding, body, text.size());
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(*decoded, text);
    }
  }
  EXPECT_EQ(*DecodeContent(ContentCoding::kIdentity, "plain", 5), "plain");
}

TEST(ContentCodingTest, CountsTheLimitAfterDecompression) {
  const std::string text(70'000, 'z');
  for (const ContentCoding coding : kCompressed) {
    const std::string body = Compress(coding, text);
    EXPECT_EQ(CodeOf(coding, body, text.size()), StatusCode::kOk);
    EXPECT_EQ(CodeOf(coding, body, text.size() - 1), StatusCode::kResourceExhausted);
    EXPECT_EQ(CodeOf(coding, body, 0), StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(CodeOf(ContentCoding::kIdentity, text, text.size() - 1),
            StatusCode::kResourceExhausted);
}

// A thousand to one: refused by what it says of itself, or once it exceeds the limit.
TEST(ContentCodingTest, RefusesABomb) {
  const std::string text(16 * 1024 * 1024, '\0');
  for (const ContentCoding coding : kCompressed) {
    const std::string body = Compress(coding, text);
    ASSERT_LT(body.size(), text.size() / 900);
    EXPECT_EQ(CodeOf(coding, body, 1024 * 1024), StatusCode::kResourceExhausted);
  }
}

TEST(ContentCodingTest, DoesNotBelieveAGzipTrailerThatLies) {
  std::string body = Compress(ContentCoding::kGzip, std::string(1000, 'a'));
  body[body.size() - 2] = '\x03';  // of 200,680 bytes
  EXPECT_LE(DecodedBound(ContentCoding::kGzip, body), body.size() * 1032);
  EXPECT_EQ(CodeOf(ContentCoding::kGzip, body, 1 << 20), StatusCode::kInvalidArgument);
  body[body.size() - 2] = '\0';
  body[body.size() - 4] = '\x10';  // too few
  body[body.size() - 3] = '\0';
  EXPECT_EQ(CodeOf(ContentCoding::kGzip, body, 1 << 20), StatusCode::kInvalidArgument);
}

TEST(ContentCodingTest, RefusesWhatIsCutShortOrFollowedByMore) {
  for (const ContentCoding coding : kCompressed) {
    const std::string body = Compress(coding, "some words and some more words");
    for (size_t size = 0; size < body.size(); ++size) {
      EXPECT_NE(CodeOf(coding, body.substr(0, size), 1 << 16), StatusCode::kOk) << size;
    }
    EXPECT_NE(CodeOf(coding, body + "x", 1 << 16), StatusCode::kOk);
    EXPECT_NE(CodeOf(coding, body + body, 1 << 16), StatusCode::kOk);
    EXPECT_NE(CodeOf(coding, "neither of the two, but long enough", 1 << 16), StatusCode::kOk);
  }
}

}  // namespace
}  // namespace sluice::net
