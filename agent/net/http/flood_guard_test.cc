#include "agent/net/http/flood_guard.h"

#include <nghttp2/nghttp2.h>

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr uint64_t kSecondNanos = 1'000'000'000;

TEST(TokenBucketTest, GivesItsBurstAndThenWhatTimeEarns) {
  TokenBucket bucket(3, 2);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(kSecondNanos)) << i;
  EXPECT_FALSE(bucket.Take(kSecondNanos));
  EXPECT_FALSE(bucket.Take(kSecondNanos + kSecondNanos / 2 - 1'000'000));
  EXPECT_TRUE(bucket.Take(kSecondNanos + kSecondNanos / 2));
  EXPECT_FALSE(bucket.Take(kSecondNanos + kSecondNanos / 2));
}

TEST(TokenBucketTest, NeverHoldsMoreThanItsBurst) {
  TokenBucket bucket(3, 2);
  bucket.Give(100);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(1'000'000 * kSecondNanos));
  EXPECT_FALSE(bucket.Take(1'000'000 * kSecondNanos));
}

int FramesUntilFlood(uint8_t type, const char* word) {
  FloodGuard guard;
  for (int i = 0; i < 100'000; ++i) {
    if (const char* flood = guard.OnFrame(type, kSecondNanos)) {
      EXPECT_STREQ(flood, word);
      return i;
    }
  }
  return -1;
}

TEST(FloodGuardTest, NamesTheFrameThatIsTooMuch) {
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_PING, "flood_ping"), 1000);
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_SETTINGS, "flood_settings"), 1000);
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_WINDOW_UPDATE, "flood_window_update"), 1000);
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_PRIORITY, "flood_priority"), 1000);
  EXPECT_EQ(FramesUntilFlood(0xee, "flood_unknown"), 1000);
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_RST_STREAM, "flood_reset"), 500);
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_CONTINUATION, "flood_continuation"), 4);
}

TEST(FloodGuardTest, LetsRequestsAndTheirBodiesPass) {
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_HEADERS, ""), -1);
  EXPECT_EQ(FramesUntilFlood(NGHTTP2_DATA, ""), -1);
}

TEST(FloodGuardTest, CountsContinuationsOfEachHeaderBlockAlone) {
  FloodGuard guard;
  for (int request = 0; request < 100; ++request) {
    EXPECT_EQ(guard.OnFrame(NGHTTP2_HEADERS, kSecondNanos), nullptr);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(guard.OnFrame(NGHTTP2_CONTINUATION, kSecondNanos), nullptr);
  }
}

TEST(FloodGuardTest, WhatWeSendJustifiesWindowUpdates) {
  FloodGuard guard;
  for (int i = 0; i < 10'000; ++i) {
    guard.OnDataSent();
    EXPECT_EQ(guard.OnFrame(NGHTTP2_WINDOW_UPDATE, kSecondNanos), nullptr);
    EXPECT_EQ(guard.OnFrame(NGHTTP2_PING, kSecondNanos), nullptr);
  }
}

TEST(FloodGuardTest, EmptyDataAndForcedResetsDrawOnTheSameBudgets) {
  FloodGuard guard;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(guard.OnEmptyData(kSecondNanos), nullptr);
  EXPECT_STREQ(guard.OnEmptyData(kSecondNanos), "flood_empty_data");
  for (int i = 0; i < 500; ++i) EXPECT_EQ(guard.OnForcedReset(kSecondNanos), nullptr);
  EXPECT_STREQ(guard.OnForcedReset(kSecondNanos), "flood_reset");
}

}  // namespace
}  // namespace sluice::net
