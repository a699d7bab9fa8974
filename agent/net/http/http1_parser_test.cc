#include "agent/net/http/http1_parser.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

using Next = Http1Parser::Next;

constexpr std::array<std::string_view, 1> kExtra = {"x-extra"};
const std::string kHost = "Host: x\r\n";

struct Read {
  RequestHead head;
  std::string body;
  std::string status;  // of the complaint; empty: none
  bool whole = false;
  std::string rest;
};

// One request out of `wire`, which comes in pieces of `piece` bytes.
Read ReadOne(std::string_view wire, size_t piece) {
  Http1Parser parser(kExtra);
  Read read;
  std::string pending;
  while (!wire.empty()) {
    pending += wire.substr(0, piece);
    wire.remove_prefix(std::min(piece, wire.size()));
    std::string_view bytes = pending;
    for (Next next = Next::kHead; next != Next::kMore;) {
      next = parser.Parse(&bytes);
      if (next == Next::kHead) read.head = parser.head();
      if (next == Next::kBody) read.body += parser.body();
      if (next == Next::kBroken) read.status = parser.complaint().status;
      read.whole = next == Next::kEnd;
      if (next != Next::kBroken && next != Next::kEnd) continue;
      read.rest = std::string(bytes) + std::string(wire);
      return read;
    }
    pending = std::string(bytes);
  }
  return read;
}

std::string Post(const std::string& fields, const std::string& body = "") {
  return "POST /v1/traces HTTP/1.1\r\n" + kHost + fields + "\r\n" + body;
}

std::string StatusOf(const std::string& wire) {
  const Read whole = ReadOne(wire, wire.size());
  // In single bytes it reads the same.
  const Read slow = ReadOne(wire, 1);
  EXPECT_EQ(slow.status, whole.status) << wire;
  EXPECT_EQ(slow.body, whole.body) << wire;
  EXPECT_EQ(slow.whole, whole.whole) << wire;
  return whole.status.empty() ? whole.whole ? "ok" : "more" : whole.status;
}

TEST(Http1ParserTest, ReadsAHeadAndABodyOfStatedLength) {
  const std::string wire =
      Post(
          "Content-Type: application/json\r\nUser-Agent: t/1\r\nX-Extra: y\r\nX-Other: z\r\n"
          "content-length: 5\r\n",
          "hello") +
      "POST";
  for (const size_t piece : {wire.size(), size_t{7}, size_t{1}}) {
    const Read read = ReadOne(wire, piece);
    EXPECT_TRUE(read.whole);
    EXPECT_TRUE(read.head.is_http1);
    EXPECT_EQ(read.head.method, "POST");
    EXPECT_EQ(read.head.path, "/v1/traces");
    EXPECT_EQ(read.head.content_type, "application/json");
    EXPECT_EQ(read.head.user_agent, "t/1");
    EXPECT_EQ(read.head.content_length, 5u);
    EXPECT_EQ(read.head.Extra("x-extra"), "y");
    EXPECT_EQ(read.head.Extra("x-other"), "");
    EXPECT_EQ(read.body, "hello");
    EXPECT_EQ(read.rest, "POST");
  }
}

TEST(Http1ParserTest, ReadsChunksAndPassesOverExtensionsAndTrailers) {
  const std::string wire = Post("Transfer-Encoding: Chunked\r\n",
                                "3;a=\"b\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Extra: t\r\n\r\n") +
                           "next";
  for (const size_t piece : {wire.size(), size_t{5}, size_t{1}}) {
    const Read read = ReadOne(wire, piece);
    EXPECT_TRUE(read.whole) << piece;
    EXPECT_EQ(read.body, "abc0123456789");
    EXPECT_EQ(read.head.Extra("x-extra"), "");
    EXPECT_EQ(read.rest, "next");
  }
}

TEST(Http1ParserTest, TakesThePathOutOfOtherForms) {
  const auto path = [](const std::string& target) {
    return ReadOne("POST " + target + " HTTP/1.1\r\n" + kHost + "\r\n", 1000).head.path;
  };
  EXPECT_EQ(path("/v1/logs?x=1"), "/v1/logs");
  EXPECT_EQ(path("http://localhost:4318/v1/logs?x"), "/v1/logs");
  EXPECT_EQ(path("*"), "*");
  EXPECT_EQ(path("http://localhost"), "http://localhost");
}

TEST(Http1ParserTest, TellsWhetherTheConnectionGoesOn) {
  const auto keeps = [](const std::string& fields) {
    Http1Parser parser(kExtra);
    const std::string wire = Post(fields);
    std::string_view bytes = wire;
    EXPECT_EQ(parser.Parse(&bytes), Next::kHead);
    return parser.keeps_alive();
  };
  EXPECT_TRUE(keeps(""));
  EXPECT_TRUE(keeps("Connection: keep-alive\r\n"));
  EXPECT_TRUE(keeps("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"));
  EXPECT_FALSE(keeps("Connection: close\r\n"));
  EXPECT_FALSE(keeps("Connection: Upgrade, Close\r\n"));
}

TEST(Http1ParserTest, ReadsOneRequestAfterTheOther) {
  Http1Parser parser(kExtra);
  const std::string wire = Post("Content-Length: 2\r\n", "ab") + Post("Expect: 100-continue\r\n");
  std::string_view bytes = wire;
  EXPECT_EQ(parser.Parse(&bytes), Next::kHead);
  EXPECT_FALSE(parser.expects_continue());
  EXPECT_EQ(parser.Parse(&bytes), Next::kBody);
  EXPECT_EQ(parser.Parse(&bytes), Next::kEnd);
  parser.Reset();
  EXPECT_EQ(parser.head().path, "");
  EXPECT_EQ(parser.Parse(&bytes), Next::kHead);
  EXPECT_TRUE(parser.expects_continue());
  EXPECT_EQ(parser.Parse(&bytes), Next::kEnd);
  EXPECT_TRUE(bytes.empty());
}

// What one reader of the same bytes may take for a body, and another for the next request.
TEST(Http1ParserTest, RefusesWhatCanBeReadInTwoWays) {
  for (const std::string& fields : std::vector<std::string>{
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: 5, 5\r\n",
           "Content-Length: +5\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 0x5\r\n",
           "Content-Length: 5 5\r\n",
           "Content-Length:\r\n",
           "Content-Length: 18446744073709551616\r\n",
           "Content-Length : 5\r\n",
           "Content-Length: 5\nX: y\r\n",
           "X: y\n Content-Length: 5\r\n",
           "X: y\r\n Content-Length: 5\r\n",
           "X: y\r\n\tz\r\n",
           "X: y\rContent-Length: 5\r\n",
           std::string("X: y\0z\r\n", 8),
           " X: y\r\n",
           "X\r\n",
           ": y\r\n",
           "Host: second\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
       }) {
    EXPECT_EQ(StatusOf(Post(fields, "hello")), "400") << fields;
  }
  for (const char* coding :
       {"gzip, chunked", "chunked, gzip", "identity", "xchunked", "", "chunked, chunked",
        "\x0b"
        "chunked"}) {
    const std::string status =
        StatusOf(Post("Transfer-Encoding: " + std::string(coding) + "\r\n", "0\r\n\r\n"));
    EXPECT_TRUE(status == "501" || status == "400") << coding << ": " << status;
  }
}

TEST(Http1ParserTest, RefusesBrokenChunks) {
  for (const char* body : {"g\r\n", "-1\r\n", "5\nhello\r\n", "5\r\nhello0\r\n\r\n",
                           "5\r\nhelloXX0\r\n\r\n", "\r\n", "ffffffffffffffffff\r\n",
                           "5 5\r\nhello\r\n", "0\r\nX\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n"}) {
    EXPECT_EQ(StatusOf(Post("Transfer-Encoding: chunked\r\n", body)), "400") << body;
  }
}

TEST(Http1ParserTest, RefusesOtherVersionsAndExpectations) {
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\n" + kHost + "\r\n"), "505");
  EXPECT_EQ(StatusOf("POST / HTTP/2.0\r\n" + kHost + "\r\n"), "400");
  EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\n\r\n"), "400");
  EXPECT_EQ(StatusOf("POST /\r\n" + kHost + "\r\n"), "400");
  EXPECT_EQ(StatusOf("POST  / HTTP/1.1\r\n" + kHost + "\r\n"), "400");
  EXPECT_EQ(StatusOf(Post("Expect: 200-ok\r\n")), "417");
}

TEST(Http1ParserTest, BoundsHeadsAndChunkLinesAndTrailers) {
  const std::string most(Http1Parser::kMaxHeadBytes / 2, 'x');
  EXPECT_EQ(ReadOne(Post("X: " + most + "\r\n"), 4096).status, "");
  EXPECT_EQ(ReadOne(Post("X: " + most + "\r\nY: " + most + "\r\n"), 4096).status, "431");
  // Before its end comes, too.
  EXPECT_EQ(ReadOne("POST /" + most + most, 4096).status, "431");
  std::string many;
  for (int i = 0; i < 500; ++i) many += "a: b\r\n";
  EXPECT_EQ(ReadOne(Post(many), 4096).status, "431");
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(ReadOne(Post(chunked, "5;" + most + most + most), 4096).status, "431");
  EXPECT_EQ(ReadOne(Post(chunked, "0\r\nX: " + most + most + most), 4096).status, "431");
}

}  // namespace
}  // namespace sluice::net
