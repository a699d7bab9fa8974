#include "agent/sinks/otlp/exporter.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "agent/base/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/otlp/scripted_transport.h"
#include "tests/support/otlp/span_names.h"

namespace sluice::otlp {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Answer::Kind;

class ExporterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.max_request_bytes = 3 * 1024 * 1024;
    options_.clock = &clock_;
    exporter_.emplace(&transport_, &numbers_, options_);
  }

  // A span of uid 1000 + `number % 3`.
  void AddSpan(int number, size_t bytes = 0) {
    const uid_t uid = 1000 + static_cast<uid_t>(number % 3);
    SignalBatch& batch = outgoing_.of(Signal::kTraces);
    SignalBatch::Group* group = batch.Find(std::to_string(uid));
    if (group == nullptr) group = batch.Add(std::to_string(uid), {uid, "", "", ""});
    v1::Span span;
    span.set_name(std::to_string(number));
    if (bytes > 0) span.set_trace_state(std::string(bytes, 'x'));
    batch.AddItem(group, {}, span.SerializeAsString());
  }
  void AddLog() {
    SignalBatch& batch = outgoing_.of(Signal::kLogs);
    batch.AddItem(batch.Add("1", {}), {}, v1::LogRecord().SerializeAsString());
  }

  // Exports until it succeeds, as a worker does, and returns how often it had to wait.
  int ExportAll(int most_waits = 1000) {
    int waits = 0;
    for (absl::Status status = exporter_->Export(outgoing_); !status.ok();
         status = exporter_->Export(outgoing_)) {
      if (++waits > most_waits) {
        ADD_FAILURE() << status;
        break;
      }
      const auto delay = RetryAfter(status);
      EXPECT_TRUE(delay.has_value());
      clock_.Advance(*delay);
    }
    outgoing_.Clear();
    return waits;
  }

  // How often each span is with the destination.
  std::map<std::string, int> Delivered() const {
    std::map<std::string, int> delivered;
    for (const std::string& request : taken_) {
      for (const std::string& name : SpanNamesIn(request)) ++delivered[name];
    }
    return delivered;
  }

  // Takes all requests that `refuse` says nothing of.
  void Script(std::function<std::optional<Answer>(const ScriptedTransport::Call&)> refuse) {
    transport_.script = [this, refuse](const ScriptedTransport::Call& call) {
      if (const auto answer = refuse(call)) return *answer;
      if (call.signal == Signal::kTraces) taken_.push_back(call.request);
      return Answer();
    };
  }

  FakeClock clock_;
  Counters counters_;
  ExportNumbers numbers_{"otlp", &counters_, &clock_};
  ScriptedTransport transport_;
  Exporter::Options options_;
  std::optional<Exporter> exporter_;
  Outgoing outgoing_;
  std::vector<std::string> taken_;
};

TEST_F(ExporterTest, SendsAllInOneRequestASignal) {
  for (int i = 0; i < 10; ++i) AddSpan(i);
  AddLog();
  EXPECT_EQ(ExportAll(), 0);
  ASSERT_EQ(transport_.calls.size(), 2u);
  EXPECT_EQ(SpanNamesIn(transport_.calls[0].request).size(), 10u);
  EXPECT_EQ(transport_.calls[1].signal, Signal::kLogs);
  EXPECT_EQ(numbers_.status().signals[0].sent, 10u);
}

TEST_F(ExporterTest, DropsAPoisonedRecordAloneWhereverItStands) {
  constexpr int kSpans = 512;
  for (int poison = 0; poison < kSpans; ++poison) {
    transport_.calls.clear();
    taken_.clear();
    for (int i = 0; i < kSpans; ++i) AddSpan(i);
    Script([&](const ScriptedTransport::Call& call) -> std::optional<Answer> {
      const auto names = SpanNamesIn(call.request);
      const bool is_bad = std::count(names.begin(), names.end(), std::to_string(poison)) > 0;
      return is_bad ? std::optional(AnswerOf(Kind::kSplit, "bad trace id")) : std::nullopt;
    });
    EXPECT_EQ(ExportAll(), 0);
    const auto delivered = Delivered();
    ASSERT_EQ(delivered.size(), static_cast<size_t>(kSpans - 1)) << poison;
    for (const auto& [name, times] : delivered) ASSERT_EQ(times, 1) << name;
    ASSERT_FALSE(delivered.contains(std::to_string(poison)));
    // 10 refusals on the way down, as many halves that are taken, the empty request.
    ASSERT_LE(transport_.calls.size(), 20u);
  }
  EXPECT_EQ(counters_.Total("otlp.dropped"), static_cast<uint64_t>(kSpans));
  for (const auto& counter : counters_.Snapshot()) {
    if (counter.name != "otlp.dropped") continue;
    EXPECT_EQ(counter.reason, "refused");
    ASSERT_TRUE(counter.uid.has_value());
    EXPECT_NEAR(static_cast<double>(counter.count), kSpans / 3.0, 1) << *counter.uid;
  }
  EXPECT_THAT(numbers_.status().last_message, HasSubstr("bad trace id"));
}

TEST_F(ExporterTest, APeerThatRefusesEverythingForAnHourCostsNothing) {
  for (int i = 0; i < 512; ++i) AddSpan(i);
  const uint64_t end = clock_.BootNano() + 3600ull * 1'000'000'000;
  Script([&](const ScriptedTransport::Call&) -> std::optional<Answer> {
    if (clock_.BootNano() < end) return AnswerOf(Kind::kSplit, "out of order");
    return std::nullopt;
  });
  EXPECT_GT(ExportAll(100'000), 100);
  EXPECT_EQ(Delivered().size(), 512u);
  EXPECT_EQ(counters_.Total("otlp.dropped"), 0u);
  EXPECT_EQ(counters_.Total("otlp.sent", "otlp traces"), 512u);
  // The way down once, then one record and the empty request an attempt.
  EXPECT_LT(transport_.calls.size(), 2000u);
}

TEST_F(ExporterTest, WaitsLongerEachTimeUpToHalfAMinute) {
  AddSpan(1);
  transport_.script = [](const auto&) { return AnswerOf(Kind::kWait, "connection refused"); };
  milliseconds longest{0};
  double bound = 250;
  for (int i = 0; i < 200; ++i) {
    const absl::Status status = exporter_->Export(outgoing_);
    EXPECT_THAT(std::string(status.message()), HasSubstr("connection refused"));
    const milliseconds delay = *RetryAfter(status);
    EXPECT_LE(static_cast<double>(delay.count()), bound);
    EXPECT_TRUE(exporter_->may_retry_early());
    longest = std::max(longest, delay);
    bound = std::min(bound * 1.6, 30'000.0);
  }
  EXPECT_GT(longest, milliseconds(20'000)) << "jitter is over the whole of it";
  transport_.script = nullptr;
  EXPECT_TRUE(exporter_->Export(outgoing_).ok());
  transport_.script = [](const auto&) { return AnswerOf(Kind::kWait); };
  EXPECT_LE(*RetryAfter(exporter_->Export(outgoing_)), milliseconds(250));
}

TEST_F(ExporterTest, ADayWithoutTheDestinationLosesNothing) {
  for (int i = 0; i < 100; ++i) AddSpan(i);
  const uint64_t begin = clock_.BootNano();
  const uint64_t end =
      begin + static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::hours(24)).count());
  Script([&](const ScriptedTransport::Call&) -> std::optional<Answer> {
    if (clock_.BootNano() < end) return AnswerOf(Kind::kWait, "no route to host");
    return std::nullopt;
  });
  const int waits = ExportAll(100'000);
  EXPECT_GT(waits, 24 * 3600 / 30) << "half a minute at most between two attempts";
  EXPECT_LT(waits, 24 * 3600 / 10);
  EXPECT_LT(clock_.BootNano(), end + 30'000'000'000) << "as soon as it is back";
  EXPECT_EQ(Delivered().size(), 100u);
  EXPECT_EQ(taken_.size(), 1u);
}

TEST_F(ExporterTest, WaitsAtLeastAsLongAsItIsAskedTo) {
  AddSpan(1);
  Answer answer = AnswerOf(Kind::kWait, "busy");
  answer.delay = milliseconds(90'000);
  transport_.script = [&](const auto&) { return answer; };
  EXPECT_EQ(*RetryAfter(exporter_->Export(outgoing_)), milliseconds(90'000));
  EXPECT_FALSE(exporter_->may_retry_early());
  answer.delay = std::chrono::hours(24);
  EXPECT_EQ(*RetryAfter(exporter_->Export(outgoing_)), std::chrono::hours(1));
}

TEST_F(ExporterTest, DoesNotRepeatASignalThatIsThere) {
  AddSpan(1);
  AddLog();
  bool logs_fail = true;
  transport_.script = [&](const auto& call) {
    return call.signal == Signal::kLogs && logs_fail ? AnswerOf(Kind::kWait) : Answer();
  };
  EXPECT_FALSE(exporter_->Export(outgoing_).ok());
  logs_fail = false;
  EXPECT_TRUE(exporter_->Export(outgoing_).ok());
  ASSERT_EQ(transport_.calls.size(), 3u);
  EXPECT_EQ(transport_.calls[1].signal, Signal::kLogs);
  EXPECT_EQ(transport_.calls[2].signal, Signal::kLogs);
}

TEST_F(ExporterTest, KeepsRequestsWithinTheirBytes) {
  options_.max_request_bytes = 64 * 1024;
  exporter_.emplace(&transport_, &numbers_, options_);
  for (int i = 0; i < 50; ++i) AddSpan(i, 5000);
  EXPECT_EQ(ExportAll(), 0);
  EXPECT_GE(transport_.calls.size(), 4u);
  EXPECT_LE(transport_.calls.size(), 6u);
  for (const auto& call : transport_.calls) EXPECT_LE(call.request.size(), 64u * 1024);
}

TEST_F(ExporterTest, LearnsWhatADestinationCanTake) {
  static constexpr size_t kMost = 100 * 1024;
  const auto refuse = [](const ScriptedTransport::Call& call) -> std::optional<Answer> {
    if (call.request.size() <= kMost) return std::nullopt;
    Answer answer = AnswerOf(Kind::kSplit, "received message larger than max");
    answer.max_request_bytes = kMost;
    return answer;
  };
  Script(refuse);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) AddSpan(100 * round + i, 5000);
    transport_.calls.clear();
    EXPECT_EQ(ExportAll(), 0);
    const auto refused =
        std::count_if(transport_.calls.begin(), transport_.calls.end(),
                      [&](const auto& call) { return call.request.size() > kMost; });
    EXPECT_EQ(refused, round == 0 ? 1 : 0);
    clock_.Advance(std::chrono::hours(1));
  }
  EXPECT_EQ(Delivered().size(), 300u);
  EXPECT_EQ(numbers_.status().max_request_bytes, kMost / 20 * 19);
}

TEST_F(ExporterTest, DropsARecordThatIsTooLargeByItself) {
  AddSpan(1, 200 * 1024);
  AddSpan(2);
  Script([](const ScriptedTransport::Call& call) -> std::optional<Answer> {
    if (call.request.size() < 100 * 1024) return std::nullopt;
    Answer answer = AnswerOf(Kind::kSplit, "too large");
    answer.max_request_bytes = 100 * 1024;
    return answer;
  });
  EXPECT_EQ(ExportAll(), 0);
  EXPECT_EQ(counters_.Total("otlp.dropped", "too_large"), 1u);
  EXPECT_EQ(Delivered().size(), 1u);
}

TEST_F(ExporterTest, AnExhaustedPeerThatRefusesASmallRecordIsOverloaded) {
  for (int i = 0; i < 8; ++i) AddSpan(i);
  int refusals = 20;
  Script([&](const ScriptedTransport::Call& call) -> std::optional<Answer> {
    if (call.request.empty() || refusals == 0) return std::nullopt;
    --refusals;
    Answer answer = AnswerOf(Kind::kSplit, "memory usage exceeded");
    answer.may_be_load = true;
    return answer;
  });
  EXPECT_GT(ExportAll(), 10);
  EXPECT_EQ(Delivered().size(), 8u);
  EXPECT_EQ(counters_.Total("otlp.dropped"), 0u);
}

TEST_F(ExporterTest, RequestsGrowAgainAfterAnOverload) {
  bool is_exhausted = true;
  Script([&](const ScriptedTransport::Call& call) -> std::optional<Answer> {
    if (!is_exhausted || call.request.size() < 100 * 1024) return std::nullopt;
    Answer answer = AnswerOf(Kind::kSplit);
    answer.may_be_load = true;
    return answer;
  });
  const auto largest = [&] {
    for (int i = 0; i < 100; ++i) AddSpan(i, 5000);
    transport_.calls.clear();
    ExportAll();
    size_t most = 0;
    for (const auto& call : transport_.calls) most = std::max(most, call.request.size());
    return most;
  };
  largest();
  EXPECT_LT(largest(), 100u * 1024);
  is_exhausted = false;
  clock_.Advance(std::chrono::minutes(10));
  const size_t later = largest();
  EXPECT_GT(later, 100u * 1024);
  EXPECT_LT(later, 300u * 1024);
  clock_.Advance(std::chrono::hours(2));
  EXPECT_GT(largest(), 490'000u);
}

TEST_F(ExporterTest, ASignalThatIsNotTakenIsOffWhileAnotherIsTaken) {
  const auto refuse_logs = [](const auto& call) {
    return call.signal == Signal::kLogs ? AnswerOf(Kind::kUnsupported, "unknown service")
                                        : Answer();
  };
  transport_.script = refuse_logs;
  AddLog();
  EXPECT_EQ(ExportAll(), 0) << "though no span was sent: an empty request finds out";
  EXPECT_EQ(counters_.Total("otlp.dropped", "unsupported"), 1u);
  EXPECT_TRUE(numbers_.status().signals[1].is_off);
  transport_.calls.clear();
  AddLog();
  EXPECT_EQ(ExportAll(), 0);
  EXPECT_THAT(transport_.calls, IsEmpty());
  clock_.Advance(std::chrono::seconds(601));
  transport_.script = nullptr;
  AddLog();
  EXPECT_EQ(ExportAll(), 0);
  EXPECT_EQ(transport_.calls.size(), 1u);
  EXPECT_FALSE(numbers_.status().signals[1].is_off);
}

TEST_F(ExporterTest, WhereNoSignalIsTakenItWaits) {
  AddSpan(1);
  transport_.script = [](const auto&) {
    return AnswerOf(Kind::kUnsupported, "404 page not found");
  };
  const absl::Status status = exporter_->Export(outgoing_);
  EXPECT_THAT(std::string(status.message()), HasSubstr("404 page not found (wrong port, path"));
  EXPECT_EQ(counters_.Total("otlp.dropped"), 0u);
}

TEST_F(ExporterTest, TriesOnceMoreWhereTheConnectionWasStale) {
  AddSpan(1);
  int calls = 0;
  transport_.script = [&](const auto&) {
    return ++calls == 1 ? AnswerOf(Kind::kRetryNow, "connection reset") : Answer();
  };
  EXPECT_EQ(ExportAll(), 0);
  EXPECT_EQ(calls, 2);
}

TEST_F(ExporterTest, CountsWhatThePeerRejects) {
  for (int i = 0; i < 4; ++i) AddSpan(i);
  transport_.script = [](const auto&) {
    Answer answer = AnswerOf(Kind::kDone, "2 spans are too old");
    answer.rejected = 2;
    return answer;
  };
  EXPECT_EQ(ExportAll(), 0);
  EXPECT_EQ(transport_.calls.size(), 1u);
  EXPECT_EQ(counters_.Total("otlp.rejected_by_peer", "otlp traces"), 2u);
  EXPECT_EQ(numbers_.status().signals[0].rejected, 2u);
  EXPECT_EQ(numbers_.status().last_message, "2 spans are too old");
}

TEST_F(ExporterTest, ByTheLetterDropsWhatIsRefused) {
  options_.drops_refused = true;
  exporter_.emplace(&transport_, &numbers_, options_);
  Answer unknown = AnswerOf(Kind::kWait, "who are you");
  unknown.is_auth_refusal = true;
  const std::vector<Answer> answers = {AnswerOf(Kind::kSplit, "bad"), unknown,
                                       AnswerOf(Kind::kWait, "away"), Answer()};
  transport_.script = [&](const auto&) { return answers[transport_.calls.size() - 1]; };
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) AddSpan(i);
    EXPECT_EQ(ExportAll(), 0);
  }
  EXPECT_EQ(counters_.Total("otlp.dropped", "refused"), 20u);
  AddSpan(1);
  EXPECT_EQ(ExportAll(), 1) << "who is away is waited for";
  EXPECT_EQ(counters_.Total("otlp.dropped"), 20u);
}

}  // namespace
}  // namespace sluice::otlp
