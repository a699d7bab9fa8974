// A destination that is away for a day, with the journal, the worker and the sink as in an agent.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/sinks/otlp/otlp_sink.h"
#include "agent/sinks/sink_worker.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/otlp/scripted_transport.h"
#include "tests/support/records.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

namespace sluice::otlp {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kDaySeconds = 24 * 3600;

class OutageTest : public ::testing::Test {
 protected:
  OutageTest() : journal_(testing::StartJournal(directory_.path(), &counters_)) {
    OtlpSink::Options options;
    options.name = "otlp";
    options.counters = &counters_;
    options.clock = &clock_;
    auto transport = std::make_unique<ScriptedTransport>();
    transport->script = [this, calls = &transport->calls](const ScriptedTransport::Call& call) {
      if (is_away_) {
        calls->clear();
        return AnswerOf(Answer::Kind::kWait, "no route to host");
      }
      Take(call.request);
      calls->clear();
      return Answer();
    };
    workers_.push_back(std::make_unique<sinks::SinkWorker>(
        std::make_unique<OtlpSink>(options, std::move(transport)),
        sinks::SinkWorker::Options{.name = "otlp",
                                   .filter = filter::Filter::Parse("info", {}).filter,
                                   .journal = journal_.get(),
                                   .counters = &counters_,
                                   .clock = &clock_}));
    workers_.front()->Start();
  }
  ~OutageTest() override {
    EXPECT_TRUE(sinks::StopWorkers(workers_, steady_clock::now() + seconds(20)).empty());
  }

  // The worker looks at the clock again, and tells how many records it holds.
  size_t Advance(seconds by) {
    clock_.Advance(by);
    std::promise<size_t> held;
    workers_.front()->RunOnWorker(
        [&](sinks::Sink& sink) { held.set_value(sink.pending_records()); });
    return held.get_future().get();
  }

  void Take(const std::string& request) {
    v1::ExportLogsServiceRequest logs;
    ASSERT_TRUE(logs.ParseFromString(request));
    for (const auto& resource : logs.resource_logs()) {
      for (const auto& scope : resource.scope_logs()) {
        for (const auto& record : scope.log_records()) {
          taken_.push_back(std::stoi(record.body().string_value()));
        }
      }
    }
    taken_count_ = taken_.size();
  }

  testing::TempDirectory directory_;
  FakeClock clock_{1'000'000'000'000'000'000};
  Counters counters_;
  std::unique_ptr<journal::Journal> journal_;
  std::atomic<bool> is_away_{true};
  std::vector<int> taken_;  // of the worker's thread until it is stopped
  std::atomic<size_t> taken_count_{0};
  std::vector<std::unique_ptr<sinks::SinkWorker>> workers_;
};

TEST_F(OutageTest, ADayOfRecordsComesAfterItOnceAndInOrder) {
  size_t most_held = 0;
  for (int second = 0; second < kDaySeconds; ++second) {
    // The number of the record; two senders in turns.
    testing::AppendBatch(journal_.get(), 5 + second % 2,
                         {testing::EventRecord(std::to_string(second))});
    if (second % 60 == 0)
      most_held = std::max(most_held, Advance(seconds(1)));
    else
      clock_.Advance(seconds(1));
  }
  EXPECT_EQ(taken_count_, 0u);
  EXPECT_LE(most_held, 512u) << "the journal holds the day, not the memory";

  is_away_ = false;
  const auto deadline = steady_clock::now() + seconds(60);
  while (taken_count_ < kDaySeconds && steady_clock::now() < deadline) Advance(seconds(1));
  ASSERT_TRUE(sinks::StopWorkers(workers_, steady_clock::now() + seconds(20)).empty());
  workers_.clear();

  ASSERT_EQ(taken_.size(), static_cast<size_t>(kDaySeconds));
  for (const int sender : {0, 1}) {
    int last = -1;
    for (const int number : taken_) {
      if (number % 2 != sender) continue;
      ASSERT_EQ(number, last < 0 ? sender : last + 2);
      last = number;
    }
  }
  EXPECT_EQ(counters_.Total("otlp.dropped"), 0u);
  EXPECT_EQ(counters_.Total("journal.dropped"), 0u);
}

}  // namespace
}  // namespace sluice::otlp
