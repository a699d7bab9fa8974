// What goes out of a journal by way of the worker and the sink, as in an agent: the same bytes,
// whether a scope is lent where it was read, or copied.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/otlp_sink.h"
#include "agent/sinks/sink_worker.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "sluice/disk/v1/journal.pb.h"
#include "tests/support/otlp/scripted_transport.h"
#include "tests/support/otlp/span_names.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

namespace sluice::otlp {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class LentEntriesTest : public ::testing::Test {
 protected:
  LentEntriesTest() : journal_(testing::StartJournal(directory_.path(), &counters_)) {}

  // One scope of one sender; each span has a name of its own.
  void Append(int spans, size_t extra_bytes) {
    disk::v1::JournalBatch batch;
    batch.mutable_identity()->set_uid(5);
    batch.set_received_boottime_nano(1);
    for (int i = 0; i < spans; ++i) {
      v1::Span span;
      span.set_trace_id(std::string(16, '\7'));
      span.set_span_id(std::string(8, '\3'));
      span.set_name(absl::StrCat(names_.size(), " ", std::string(extra_bytes, 'x')));
      names_.push_back(span.name());
      if (batch.scope_spans().empty()) batch.add_scope_spans()->mutable_scope()->set_name("s");
      *batch.mutable_scope_spans(0)->add_spans() = span;
    }
    ASSERT_TRUE(journal_->Append(5, {batch.SerializeAsString()}, journal::Urgency::kGrouped).ok());
    journal_->CommitTurn();
  }

  // All names, in the order in which they went out.
  std::vector<std::string> Export() {
    std::vector<std::string> exported;
    std::atomic<size_t> count{0};
    auto transport = std::make_unique<ScriptedTransport>();
    transport->script = [&, calls = &transport->calls](const ScriptedTransport::Call& call) {
      for (std::string& name : SpanNamesIn(call.request)) exported.push_back(std::move(name));
      count = exported.size();
      calls->clear();
      return Answer();
    };
    OtlpSink::Options options;
    options.name = "otlp";
    options.counters = &counters_;
    std::vector<std::unique_ptr<sinks::SinkWorker>> workers;
    workers.push_back(std::make_unique<sinks::SinkWorker>(
        std::make_unique<OtlpSink>(options, std::move(transport)),
        sinks::SinkWorker::Options{.name = "otlp",
                                   .filter = filter::Filter::Parse("info", {}).filter,
                                   .journal = journal_.get(),
                                   .counters = &counters_}));
    workers.front()->Start();
    const auto deadline = steady_clock::now() + seconds(60);
    while (count < names_.size() && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(sinks::StopWorkers(workers, steady_clock::now() + seconds(20)).empty());
    return exported;
  }

  testing::TempDirectory directory_;
  Counters counters_;
  std::unique_ptr<journal::Journal> journal_;
  std::vector<std::string> names_;
};

TEST_F(LentEntriesTest, GoOutAsTheyCameWhateverTheirSize) {
  for (int i = 0; i < 120; ++i) Append(1 + i * 37 % 512, static_cast<size_t>(i * 13 % 900));
  Append(3, 700'000);
  Append(1, 10);
  const std::vector<std::string> exported = Export();
  ASSERT_EQ(exported.size(), names_.size());
  for (size_t i = 0; i < names_.size(); ++i) ASSERT_EQ(exported[i], names_[i]) << i;
}

}  // namespace
}  // namespace sluice::otlp
