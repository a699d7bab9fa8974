#include "agent/sinks/log/file_sink.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "agent/live/span_table.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace sluice::log_sink {
namespace {

constexpr uint64_t kFile = 64 * 1024;
constexpr uid_t kAttacker = 1000;

class FileSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.name = "file";
    options_.file.path = directory_.path() + "/sluice.log";
    options_.file.max_size = kFile;
    options_.file.clock = &clock_;
    options_.shares_path = directory_.path() + "/log_shares.file";
    options_.counters = &counters_;
    Start();
  }

  void Start() {
    sink_ = nullptr;
    sink_ = std::make_unique<FileSink>(options_);
    ASSERT_TRUE(sink_->Open().ok());
  }

  // One entry with so many events of one text, in `span` if there is one.
  void Emit(uid_t uid, const std::string& text, int count = 1, const live::Span* span = nullptr) {
    live::Origin origin;
    origin.identity.uid = uid;
    const std::string encoded = testing::EventRecord(text, 1, 1).SerializeAsString();
    const RecordView record = *ReadRecord(encoded);
    stream::Delivery delivery;
    delivery.sequence = ++sequence_;
    delivery.entry_bytes = encoded.size() * static_cast<size_t>(count);
    delivery.record = &record;
    delivery.span = span;
    delivery.origin = &origin;
    sent_ += delivery.entry_bytes;
    for (int i = 0; i < count; ++i) {
      delivery.part = static_cast<uint32_t>(i);
      sink_->Add(delivery);
      if (sink_->pending_bytes() > kFile / 4) Commit();
    }
    Commit();
  }
  void Commit() { ASSERT_TRUE(sink_->Commit().ok()); }

  // All of the set, oldest first.
  std::string Log() const {
    std::stringstream text;
    for (int i = 4; i >= 0; --i) {
      std::ifstream file(options_.file.path + (i == 0 ? "" : "." + std::to_string(i)));
      if (file.is_open() && file.peek() != EOF) text << file.rdbuf();
    }
    return text.str();
  }
  int CountOf(const std::string& text) const {
    const std::string log = Log();
    int count = 0;
    for (size_t at = 0; (at = log.find(text, at)) != std::string::npos; at += text.size()) ++count;
    return count;
  }
  uint64_t Counted(std::string_view name, uid_t uid) const {
    for (const auto& value : counters_.Snapshot()) {
      if (value.name == name && value.uid == uid) return value.count;
    }
    return 0;
  }

  testing::TempDirectory directory_;
  FakeClock clock_{1'800'000'000'000'000'000};
  Counters counters_;
  FileSink::Options options_;
  std::unique_ptr<FileSink> sink_;
  uint64_t sequence_ = 0;
  size_t sent_ = 0;
};

TEST_F(FileSinkTest, AFloodDisplacesNobodysLines) {
  Emit(0, "of root");
  Emit(900, "of a quiet user");
  const std::string flood(1000, 'x');
  for (int turn = 0; turn < 100; ++turn) {
    for (uid_t uid = kAttacker; uid < kAttacker + 3; ++uid) Emit(uid, flood, 10);
    Emit(0, "root again");
    Emit(900, "the user again");
  }
  EXPECT_EQ(CountOf("of root"), 1);
  EXPECT_EQ(CountOf("of a quiet user"), 1);
  EXPECT_EQ(CountOf("root again"), 100);
  EXPECT_EQ(CountOf("the user again"), 100);
  for (uid_t uid = kAttacker; uid < kAttacker + 3; ++uid) EXPECT_GT(Counted("log.cut", uid), 900u);
  EXPECT_EQ(Counted("log.cut", 900), 0u);
  EXPECT_EQ(Counted("log.cut", 0), 0u);
}

TEST_F(FileSinkTest, SaysInTheLogWhoseLinesAreCut) {
  Emit(kAttacker, std::string(1000, 'x'), 1000);
  EXPECT_EQ(CountOf(" WARN sluiced: lines of uid 1000 are left out from here on"), 1) << Log();
  for (int i = 0; i < 100; ++i) Emit(0, std::string(1000, 'r'));
  EXPECT_EQ(CountOf("lines of uid 1000 are left out"), 1);
}

TEST_F(FileSinkTest, AnotherAgentKnowsWhoseShareIsUsedUp) {
  Emit(kAttacker, std::string(1000, 'x'), 1000);
  ASSERT_TRUE(sink_->Sync().ok());
  const uint64_t before = Counted("log.cut", kAttacker);
  Start();
  Emit(kAttacker, std::string(1000, 'x'), 10);
  EXPECT_EQ(Counted("log.cut", kAttacker), before + 10);
  Emit(900, "of a quiet user");
  EXPECT_EQ(CountOf("of a quiet user"), 1);
}

TEST_F(FileSinkTest, WhoIsCutInAQuietLogIsHeardAgainLater) {
  Emit(kAttacker, std::string(1000, 'x'), 1000);
  Emit(kAttacker, std::string(1000, 'x') + "not heard");
  EXPECT_EQ(CountOf("not heard"), 0);
  clock_.Advance(std::chrono::hours(24));
  // The time is looked at once for each batch.
  Emit(kAttacker, "one more");
  Emit(kAttacker, "heard again");
  EXPECT_EQ(CountOf("heard again"), 1);
}

TEST_F(FileSinkTest, WhatLogrotateTakesAwayIsNoLongerHeld) {
  options_.file.max_size = 1024 * 1024;
  Start();
  Emit(kAttacker, std::string(1000, 'x'), 900);
  ASSERT_EQ(std::rename(options_.file.path.c_str(), (directory_.path() + "/moved").c_str()), 0);
  Emit(0, "of root");
  Emit(kAttacker, std::string(1000, 'x'), 900);
  EXPECT_EQ(counters_.Total("log.cut"), 0u);
}

TEST_F(FileSinkTest, WithoutASizeThereIsNoShare) {
  options_.file.max_size = 0;
  options_.file.path += ".unbounded";
  options_.shares_path.clear();
  Start();
  Emit(kAttacker, std::string(1000, 'x'), 1000);
  EXPECT_EQ(CountOf(std::string(1000, 'x')), 1000);
  EXPECT_EQ(counters_.Total("log.cut"), 0u);
}

// 1.2 MiB once made 350 MiB of log.
TEST_F(FileSinkTest, EmptyEventsInALargeSpanAreNoAmplifier) {
  options_.file.max_size = 1 << 30;
  Start();
  v1::Record start = testing::StartRecord(1, 1);
  for (int i = 0; i < 100; ++i) {
    testing::AddTextAttribute(&start, "attribute" + std::to_string(i), std::string(140, 'x'));
  }
  const std::string encoded = start.SerializeAsString();
  const auto span =
      live::SpanTable().Whole(*ReadRecord(encoded), std::make_shared<const live::Origin>());
  filter::Matcher(filter::Filter::Parse("trace", {}).filter)
      .OpenSpan(filter::Subject::Of(*ReadRecord(encoded)), nullptr, &span->scope);
  for (int i = 0; i < 25; ++i) Emit(kAttacker, "", 1000, span.get());
  EXPECT_LE(Log().size(), 8 * sent_ + (1 << 20) + 4096);
  EXPECT_GT(Counted("log.shortened", kAttacker), 1000u);
  EXPECT_EQ(CountOf("\n"), 25'000);
}

}  // namespace
}  // namespace sluice::log_sink
