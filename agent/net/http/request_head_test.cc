#include "agent/net/http/request_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace sluice::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::array<std::string_view, 2> kWanted = {"grpc-timeout", "origin"};

TEST(RequestHeadTest, KeepsWhatHttpKnowsAndWhatIsWanted) {
  RequestHead head;
  head.Add(":method", "POST", kWanted);
  head.Add(":path", "/v1/traces", kWanted);
  head.Add(":scheme", "http", kWanted);
  head.Add("content-type", "application/json", kWanted);
  head.Add("content-encoding", "gzip", kWanted);
  head.Add("accept-encoding", "identity", kWanted);
  head.Add("user-agent", "OTel/1", kWanted);
  head.Add("origin", "null", kWanted);
  head.Add("cookie", "a", kWanted);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/traces");
  EXPECT_EQ(head.content_type, "application/json");
  EXPECT_EQ(head.content_encoding, "gzip");
  EXPECT_EQ(head.accept_encoding, "identity");
  EXPECT_EQ(head.user_agent, "OTel/1");
  EXPECT_THAT(head.extra, ElementsAre(Pair("origin", "null")));
  EXPECT_EQ(head.Extra("origin"), "null");
  EXPECT_EQ(head.Extra("grpc-timeout"), "");
}

TEST(RequestHeadTest, CountsAsHttp2Does) {
  RequestHead head;
  head.Add("a", "bc", {});
  head.Count("d", "");
  EXPECT_EQ(head.bytes, 35u + 33u);
}

TEST(RequestHeadTest, TakesNothingInBeyondItsLimit) {
  RequestHead head;
  const std::string half(RequestHead::kMaxHeaderListBytes / 2, 'x');
  head.Add(":path", half, {});
  head.Add("cookie", half, {});
  EXPECT_TRUE(head.is_too_large());
  head.Add("content-type", "application/grpc", {});
  EXPECT_EQ(head.path, half);
  EXPECT_EQ(head.content_type, "");
}

TEST(RequestHeadTest, CutsAUserAgent) {
  RequestHead head;
  head.Add("user-agent", std::string(1'000, 'u'), {});
  EXPECT_EQ(head.user_agent.size(), RequestHead::kMaxUserAgentBytes);
}

TEST(RequestHeadTest, ClearLeavesNothing) {
  RequestHead head;
  for (const char* name : {":method", ":path", "content-type", "content-encoding",
                           "accept-encoding", "user-agent", "origin"}) {
    head.Add(name, "value", kWanted);
  }
  head.Clear();
  for (const std::string& field : {head.method, head.path, head.content_type, head.content_encoding,
                                   head.accept_encoding, head.user_agent}) {
    EXPECT_EQ(field, "");
  }
  EXPECT_THAT(head.extra, IsEmpty());
  EXPECT_EQ(head.bytes, 0u);
}

}  // namespace
}  // namespace sluice::net
