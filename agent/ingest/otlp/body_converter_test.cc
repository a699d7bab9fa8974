#include "agent/ingest/otlp/body_converter.h"

#include <libdeflate.h>

#include <chrono>
#include <string>
#include <vector>

#include "agent/ingest/otlp/json_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::ingest::otlp {
namespace {

using absl::StatusCode;
using net::ContentCoding;
using sluice::otlp::kTraceRequest;
using ::testing::ElementsAre;

constexpr size_t kMiB = 1024 * 1024;
constexpr uid_t kUser = 1000;
constexpr uid_t kOther = 1001;

std::string Gzip(const std::string& text) {
  libdeflate_compressor* const compressor = libdeflate_alloc_compressor(1);
  std::string out(libdeflate_gzip_compress_bound(compressor, text.size()), '\0');
  out.resize(
      libdeflate_gzip_compress(compressor, text.data(), text.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

class BodyConverterTest : public ::testing::Test {
 protected:
  BodyConverter::Ticket Convert(uid_t uid, const std::string& bytes, ContentCoding coding,
                                bool is_json) {
    net::Charge charge(&budget_, uid);
    EXPECT_TRUE(charge.Resize(bytes.size()));
    return converter_.Convert({.uid = uid,
                               .held = {bytes, std::move(charge)},
                               .coding = coding,
                               .json = is_json ? &kTraceRequest : nullptr,
                               .max_bytes = is_json ? kMaxJsonBytes : 64 * kMiB},
                              [this, uid](absl::StatusOr<net::HeldBody> result) {
                                order_.push_back(uid);
                                code_ = result.status().code();
                                if (result.ok()) result_ = result->bytes;
                              });
  }
  // Until so many are done.
  void Run(size_t done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (order_.size() < done && std::chrono::steady_clock::now() < deadline) loop_->RunOnce(1);
    ASSERT_EQ(order_.size(), done);
  }

  FakeClock clock_{1'000'000'000};
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create(clock_);
  net::ByteBudget budget_{{.total = 128 * kMiB, .per_uid = 80 * kMiB}};
  BodyConverter converter_{loop_.get(), &budget_};
  std::vector<uid_t> order_;
  StatusCode code_ = StatusCode::kUnknown;
  std::string result_;
};

TEST_F(BodyConverterTest, ConvertsJsonAndWhatIsCompressed) {
  const std::string json = R"({"resourceSpans": [{"schemaUrl": "s"}]})";
  const std::string encoded = *JsonToWire(kTraceRequest, json);
  Convert(kUser, json, ContentCoding::kIdentity, true);
  Run(1);
  EXPECT_EQ(result_, encoded);
  Convert(kUser, Gzip(json), ContentCoding::kGzip, true);
  Run(2);
  EXPECT_EQ(result_, encoded);
  const std::string large(40 * kMiB, 'p');
  Convert(kUser, Gzip(large), ContentCoding::kGzip, false);
  Run(3);
  EXPECT_TRUE(result_ == large);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(BodyConverterTest, SaysWhatIsWrong) {
  Convert(kUser, "{", ContentCoding::kIdentity, true);
  Run(1);
  EXPECT_EQ(code_, StatusCode::kInvalidArgument);
  Convert(kUser, "no gzip", ContentCoding::kGzip, true);
  Run(2);
  EXPECT_EQ(code_, StatusCode::kInvalidArgument);
  Convert(kUser, Gzip(std::string(kMaxJsonBytes + 1, ' ')), ContentCoding::kGzip, true);
  Run(3);
  EXPECT_EQ(code_, StatusCode::kResourceExhausted);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(BodyConverterTest, TakesTheLargestJsonThereMayBe) {
  std::string json = "{}";
  json.resize(kMaxJsonBytes, ' ');
  Convert(kUser, json, ContentCoding::kIdentity, true);
  Run(1);
  EXPECT_EQ(code_, StatusCode::kOk);
}

TEST_F(BodyConverterTest, TakesUsersInTurn) {
  const std::string long_one = "{\"a\":[" + std::string(100'000, ' ') + "]}";
  for (int i = 0; i < 5; ++i) Convert(kUser, long_one, ContentCoding::kIdentity, true);
  Convert(kOther, "{}", ContentCoding::kIdentity, true);
  Run(6);
  EXPECT_TRUE(order_[0] == kOther || order_[1] == kOther);
}

TEST_F(BodyConverterTest, WhoFindsNoMemoryWaitsAndHoldsUpNobody) {
  std::string json = "{}";
  json.resize(kMaxJsonBytes, ' ');
  // Whichever of the two is looked at first.
  for (const bool large_is_first : {true, false}) {
    order_.clear();
    ASSERT_TRUE(budget_.Charge(kOther, 70 * kMiB));
    if (large_is_first) Convert(kUser, json, ContentCoding::kIdentity, true);
    Convert(kOther, "{}", ContentCoding::kIdentity, true);
    if (!large_is_first) Convert(kUser, json, ContentCoding::kIdentity, true);
    Run(1);
    EXPECT_THAT(order_, ElementsAre(kOther));
    budget_.Release(kOther, 70 * kMiB);
    clock_.now += 20'000'000;
    Run(2);
    EXPECT_EQ(code_, StatusCode::kOk);
  }
}

TEST_F(BodyConverterTest, WhoFindsNoMemoryForLongIsToldSo) {
  ASSERT_TRUE(budget_.Charge(kOther, 70 * kMiB));
  std::string json = "{}";
  json.resize(kMaxJsonBytes, ' ');
  Convert(kUser, json, ContentCoding::kIdentity, true);
  for (int i = 0; i < 10; ++i) loop_->RunOnce(0);
  EXPECT_EQ(order_.size(), 0u);
  clock_.now += BodyConverter::kLongestWaitNanos;
  Run(1);
  EXPECT_EQ(code_, StatusCode::kUnavailable);
  budget_.Release(kOther, 70 * kMiB);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(BodyConverterTest, WhatCanNeverBeHeldIsTooLarge) {
  net::ByteBudget small({.total = 16 * kMiB, .per_uid = 10 * kMiB});
  BodyConverter converter(loop_.get(), &small);
  for (const bool is_json : {true, false}) {
    const std::string body = Gzip(std::string(is_json ? 2 * kMiB : 11 * kMiB, ' '));
    converter.Convert({.uid = kUser,
                       .held = {body, net::Charge(&small, kUser)},
                       .coding = ContentCoding::kGzip,
                       .json = is_json ? &kTraceRequest : nullptr,
                       .max_bytes = 64 * kMiB},
                      [this](absl::StatusOr<net::HeldBody> result) {
                        order_.push_back(kUser);
                        code_ = result.status().code();
                      });
    Run(is_json ? 1 : 2);
    EXPECT_EQ(code_, StatusCode::kResourceExhausted);
  }
}

TEST_F(BodyConverterTest, ACancelledOneIsForgotten) {
  const BodyConverter::Ticket waiting = Convert(kUser, "{}", ContentCoding::kIdentity, true);
  converter_.Cancel(waiting);
  const BodyConverter::Ticket running = Convert(kUser, "{}", ContentCoding::kIdentity, true);
  loop_->RunOnce(0);
  converter_.Cancel(running);
  Convert(kUser, "{}", ContentCoding::kIdentity, true);
  Run(1);
  EXPECT_EQ(budget_.used(), 0u);
  converter_.Cancel(running);
}

TEST_F(BodyConverterTest, MayEndWhileOneIsUnderWay) {
  {
    BodyConverter converter(loop_.get(), &budget_);
    converter.Convert({.uid = kUser,
                       .held = {std::string(100'000, '['), net::Charge(&budget_, kUser)},
                       .json = &kTraceRequest,
                       .max_bytes = kMaxJsonBytes},
                      [](const absl::StatusOr<net::HeldBody>&) { FAIL(); });
    loop_->RunOnce(0);
  }
  for (int i = 0; i < 5; ++i) loop_->RunOnce(1);
  EXPECT_EQ(budget_.used(), 0u);
}

}  // namespace
}  // namespace sluice::ingest::otlp
