#include "agent/ingest/otlp/export_queue.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/base/retry_after.h"
#include "agent/ingest/recovery.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_directory.h"

namespace sluice::ingest::otlp {
namespace {

namespace v1 = sluice::otlp::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = Reply::Kind;

class FakeConnection final : public net::Connection {
 public:
  explicit FakeConnection(uid_t uid, uint64_t id = 1) : Connection(id, PeerOf(uid)) {}
  void Close(absl::string_view) override {}

 private:
  static net::Peer PeerOf(uid_t uid) {
    net::Peer peer;
    peer.identity.uid = uid;
    return peer;
  }
};

struct OpenGate final : net::FlowGate {
  bool Holds(uid_t) override { return holds; }
  bool holds = false;
};

void AddSpan(v1::ScopeSpans* scope, const std::string& name) {
  v1::Span* const span = scope->add_spans();
  span->set_trace_id(std::string(16, 't'));
  span->set_span_id(std::string(8, 's'));
  span->set_name(name);
  span->set_start_time_unix_nano(1);
  span->set_end_time_unix_nano(2);
}

Request Traces(const std::vector<std::string>& names, uint64_t deadline = 0) {
  v1::ExportTraceServiceRequest request;
  v1::ScopeSpans* const scope = request.add_resource_spans()->add_scope_spans();
  scope->mutable_scope()->set_name("lib");
  for (const std::string& name : names) AddSpan(scope, name);
  return {Signal::kTraces, request.SerializeAsString(), deadline};
}

Request Metrics() {
  v1::ExportMetricsServiceRequest request;
  std::string metric = "\x0a\x01m\x2a\x02\x0a";  // a gauge of one point
  metric.push_back('\0');
  request.add_resource_metrics()->add_scope_metrics()->add_metrics(metric);
  return {Signal::kMetrics, request.SerializeAsString(), 0};
}

// A queue over a journal of its own, on a loop that is turned by hand.
class ExportQueueTest : public ::testing::Test {
 protected:
  ExportQueueTest() {
    journal::Options options;
    options.directory = directory_.path() + "/journal";
    options.file_system = &disk_;
    options.retry_delay = milliseconds(20);
    Recovery recovery(&state_, "boot");
    journal_ = *journal::Journal::Open(options, &recovery);
    journal_->Start([this] { return EncodeCheckpoint(state_, "boot"); },
                    [this](uint64_t sequence) {
                      loop_->Post([this, sequence] { queue_->OnSynced(sequence); });
                    });
    admission_ = std::make_unique<Admission>(&state_, journal_.get(), &clock_, &counters_);
    queue_ = std::make_unique<ExportQueue>(
        ExportQueue::Options{.loop = loop_.get(),
                             .journal = journal_.get(),
                             .admission = admission_.get(),
                             .counters = &counters_,
                             .budget = &budget_,
                             .gate = &gate_,
                             .has_metrics_reader = [this] { return reads_metrics_; }});
  }
  ~ExportQueueTest() override {
    disk_.RefuseWrites(0);
    disk_.RefuseSyncs(0);
    journal_.reset();
    queue_.reset();
    EXPECT_EQ(budget_.used(), 0u);
  }

  struct Asked {
    std::optional<Reply> reply;
    int turn = 0;  // how many had been answered with it
    Receiver::Ticket ticket = 0;
  };
  std::shared_ptr<Asked> Ask(Request request, uid_t uid = 7, uint64_t connection = 1) {
    auto asked = std::make_shared<Asked>();
    asked->ticket = queue_->Receive(FakeConnection(uid, connection), std::move(request),
                                    [this, asked](const Reply& reply) {
                                      asked->reply = reply;
                                      asked->turn = ++answered_;
                                    });
    return asked;
  }

  // Turns the loop until it is answered. The next sync may be due only after a while.
  Reply Answer(const std::shared_ptr<Asked>& asked) {
    TurnUntil([&] {
      clock_.Advance(milliseconds(1));
      return asked->reply.has_value();
    });
    return asked->reply.value_or(Reply{.message = "no answer"});
  }
  Reply Answer(Request request, uid_t uid = 7, uint64_t connection = 1) {
    return Answer(Ask(std::move(request), uid, connection));
  }

  template <typename Condition>
  void TurnUntil(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(10);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      loop_->RunOnce(5);
    }
  }
  void Turn(int turns = 3) {
    while (turns-- > 0) loop_->RunOnce(0);
  }
  void Pass(std::chrono::nanoseconds time) {
    clock_.Advance(time);
    Turn();
  }

  std::vector<std::string> Stored() {
    std::vector<std::string> names;
    const auto reader = journal_->OpenReader("");
    reader->Restore(0);
    while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
      for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
        if (const auto record = records.Read()) names.emplace_back(record->span.name);
      }
    }
    return names;
  }

  testing::TempDirectory directory_;
  FaultyFileSystem disk_{&FileSystem::System()};
  FakeClock clock_{1'000'000'000'000};
  Counters counters_;
  net::ByteBudget budget_{{}};
  OpenGate gate_;
  bool reads_metrics_ = false;
  int answered_ = 0;
  AdmissionState state_;
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create(clock_);
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<ExportQueue> queue_;
};

TEST_F(ExportQueueTest, AnswersOnceItIsDurable) {
  disk_.RefuseSyncs(EIO);
  const auto asked = Ask(Traces({"one", "two"}));
  Turn(10);
  EXPECT_FALSE(asked->reply.has_value());
  disk_.RefuseSyncs(0);
  const Reply reply = Answer(asked);
  EXPECT_EQ(reply.kind, Kind::kTaken);
  EXPECT_EQ(reply.rejected, 0u);
  EXPECT_EQ(reply.message, "");
  EXPECT_THAT(Stored(), ::testing::ElementsAre("one", "two"));
  EXPECT_EQ(counters_.Total("otlp.requests", "traces"), 1u);
}

TEST_F(ExportQueueTest, AnswersAnEmptyRequestAtOnce) {
  const auto asked = Ask({Signal::kTraces, {}, 0});
  ASSERT_TRUE(asked->reply.has_value());
  EXPECT_EQ(asked->ticket, Receiver::kAnswered);
  EXPECT_EQ(asked->reply->kind, Kind::kTaken);
}

TEST_F(ExportQueueTest, RefusesWhatIsNoRequest) {
  const Reply reply = Answer({Signal::kLogs, std::string("\x0a\x7f"), 0});
  EXPECT_EQ(reply.kind, Kind::kInvalid);
  EXPECT_EQ(reply.message, "not an encoded export request");
  EXPECT_EQ(counters_.Total("otlp.invalid"), 1u);
}

TEST_F(ExportQueueTest, TakesNothingOfABrokenRequest) {
  std::string encoded;
  while (encoded.size() < 3'000'000) {
    encoded += Traces(std::vector<std::string>(100, std::string(300, 'n'))).encoded;
  }
  encoded += "\x0a\x7f";
  EXPECT_EQ(Answer({Signal::kTraces, encoded, 0}).kind, Kind::kInvalid);
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(ExportQueueTest, RefusesWhatIsTooLarge) {
  const Reply reply =
      Answer({Signal::kTraces, std::string(Receiver::kMaxRequestBytes + 1, '\0'), 0});
  EXPECT_EQ(reply.kind, Kind::kTooLarge);
}

TEST_F(ExportQueueTest, HoldsUntilTheJournalTakesIt) {
  disk_.RefuseWrites(ENOSPC);
  TurnUntil([&] {
    (void)journal_->Append(7, {std::string_view("x")}, journal::Urgency::kNow);
    journal_->CommitTurn();
    return !journal_->GetUsage().error.empty();
  });
  const auto asked = Ask(Traces({"held"}));
  Pass(milliseconds(4900));
  EXPECT_FALSE(asked->reply.has_value());
  disk_.RefuseWrites(0);
  TurnUntil([&] { return journal_->GetUsage().error.empty(); });
  clock_.Advance(milliseconds(50));
  EXPECT_EQ(Answer(asked).kind, Kind::kTaken);
}

TEST_F(ExportQueueTest, HoldsNoLongerThanItsSenderWaits) {
  gate_.holds = true;
  const auto patient = Ask(Traces({"a"}), 7);
  const auto hasty = Ask(Traces({"b"}, clock_.now + 3'000'000'000), 8);
  const auto very_hasty = Ask(Traces({"c"}, clock_.now + 600'000'000), 9);
  Pass(milliseconds(350));
  ASSERT_TRUE(very_hasty->reply.has_value());
  Pass(milliseconds(1500));
  EXPECT_FALSE(hasty->reply.has_value());
  Pass(milliseconds(200));
  ASSERT_TRUE(hasty->reply.has_value());
  Pass(milliseconds(2900));
  EXPECT_FALSE(patient->reply.has_value());
  Pass(milliseconds(100));
  ASSERT_TRUE(patient->reply.has_value());
  for (const auto& asked : {patient, hasty, very_hasty}) {
    EXPECT_EQ(asked->reply->kind, Kind::kBusy);
    EXPECT_EQ(asked->reply->message, "the disk is too far behind");
    EXPECT_GE(asked->reply->retry_delay, milliseconds(50));
    EXPECT_LE(asked->reply->retry_delay, milliseconds(2000));
  }
  EXPECT_EQ(counters_.Total("otlp.busy"), 3u);
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(ExportQueueTest, HoldsNothingWhenTheAgentStops) {
  gate_.holds = true;
  const auto asked = Ask(Traces({"a"}));
  queue_->StopHolding();
  ASSERT_TRUE(asked->reply.has_value());
  EXPECT_EQ(asked->reply->kind, Kind::kBusy);
}

TEST_F(ExportQueueTest, StoresARequestOnceWhoseAnswerWasLost) {
  disk_.RefuseSyncs(EIO);
  const auto lost = Ask(Traces({"once"}));
  Turn();
  queue_->Abandon(lost->ticket);
  const auto other = Ask(Traces({"once"}), 8);
  const auto again = Ask(Traces({"once"}));
  Turn();
  EXPECT_FALSE(again->reply.has_value()) << "the first is not durable yet";
  disk_.RefuseSyncs(0);
  EXPECT_EQ(Answer(again).kind, Kind::kTaken);
  EXPECT_EQ(Answer(other).kind, Kind::kTaken);
  EXPECT_FALSE(lost->reply.has_value());
  EXPECT_THAT(Stored(), SizeIs(2)) << "another user's is another one";
  EXPECT_EQ(counters_.Total("otlp.duplicates"), 1u);
  EXPECT_EQ(Answer(Traces({"another"})).kind, Kind::kTaken);
  EXPECT_THAT(Stored(), SizeIs(3));
}

TEST_F(ExportQueueTest, ForgetsALostAnswerAfterAMinute) {
  disk_.RefuseSyncs(EIO);
  const auto lost = Ask(Traces({"twice"}));
  Turn();
  queue_->Abandon(lost->ticket);
  disk_.RefuseSyncs(0);
  Pass(seconds(61));
  EXPECT_EQ(Answer(Traces({"twice"})).kind, Kind::kTaken);
  EXPECT_THAT(Stored(), SizeIs(2));
}

TEST_F(ExportQueueTest, KnowsARequestAgainThatWasRefusedWhileItWasNotDurable) {
  disk_.RefuseSyncs(EIO);
  const auto refused = Ask(Traces({"once"}));
  Pass(milliseconds(5000));
  ASSERT_TRUE(refused->reply.has_value());
  EXPECT_EQ(refused->reply->kind, Kind::kBusy);
  disk_.RefuseSyncs(0);
  EXPECT_EQ(Answer(Traces({"once"})).kind, Kind::kTaken);
  EXPECT_THAT(Stored(), SizeIs(1));
}

TEST_F(ExportQueueTest, ForgetsARequestOfWhichNothingWasStored) {
  gate_.holds = true;
  const auto asked = Ask(Traces({"gone"}));
  queue_->Abandon(asked->ticket);
  gate_.holds = false;
  Pass(milliseconds(100));
  EXPECT_THAT(Stored(), IsEmpty());
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ExportQueueTest, ServesOthersWhileARequestIsLong) {
  const Request large = Traces(std::vector<std::string>(10'000, std::string(500, 'n')));
  const auto slow = Ask(large, 7);
  const auto behind = Ask(Traces({"behind"}), 7);
  const auto quick = Ask(Traces({"quick"}), 8);
  EXPECT_EQ(Answer(behind).kind, Kind::kTaken);
  EXPECT_EQ(quick->turn, 1);
  EXPECT_EQ(slow->turn, 2);
  EXPECT_EQ(behind->turn, 3);
  EXPECT_EQ(Stored().size(), 10'002u);
}

TEST_F(ExportQueueTest, GoesOnWithWhatIsHalfStoredWhenItsSenderLeaves) {
  const Request large = Traces(std::vector<std::string>(10'000, std::string(500, 'n')));
  const auto lost = Ask(large);
  TurnUntil([&] { return journal_->last_sequence() > 0; });
  queue_->Abandon(lost->ticket);
  EXPECT_EQ(Answer(large).kind, Kind::kTaken);
  EXPECT_EQ(Stored().size(), 10'000u);
  EXPECT_EQ(counters_.Total("otlp.duplicates"), 1u);
}

TEST_F(ExportQueueTest, ChargesWhatItHoldsToTheUser) {
  gate_.holds = true;
  const Request request = Traces({"a"});
  const auto asked = Ask(request);
  EXPECT_EQ(budget_.used_by(7), request.encoded.size());
  ASSERT_TRUE(budget_.Charge(7, 80 * 1024 * 1024 - 2 * request.encoded.size() + 1));
  const Reply reply = Answer(request);
  EXPECT_EQ(reply.kind, Kind::kBusy);
  EXPECT_THAT(reply.message, HasSubstr("too many bytes"));
  budget_.Release(7, 80 * 1024 * 1024 - 2 * request.encoded.size() + 1);
  gate_.holds = false;
  Pass(milliseconds(50));
  Answer(asked);
}

// The journal writes it from the request, and again to another segment.
TEST_F(ExportQueueTest, ChargesARequestUntilTheJournalHasLetGoOfIt) {
  const std::string name(10'000, 'n');
  const Request request = Traces({name});
  disk_.RefuseSyncs(EIO);
  const auto given_up = Ask(request);
  const auto abandoned = Ask(Traces({name + "a"}), 8);
  Turn();
  queue_->Abandon(abandoned->ticket);
  Pass(seconds(5));
  ASSERT_EQ(given_up->reply.value_or(Reply{}).kind, Kind::kBusy);
  EXPECT_EQ(budget_.used_by(7), request.encoded.size());
  EXPECT_EQ(budget_.used_by(8), request.encoded.size() + 1);
  disk_.RefuseSyncs(0);
  TurnUntil([&] { return budget_.used() == 0; });
  EXPECT_EQ(journal_->synced_sequence(), 2u);
  EXPECT_THAT(Stored(), ::testing::ElementsAre(name, name + "a"));
}

TEST_F(ExportQueueTest, ChargesNoLongerThanItsJobWhatTheJournalCopied) {
  disk_.RefuseSyncs(EIO);
  const auto given_up = Ask(Traces({"short"}));
  Pass(seconds(5));
  ASSERT_TRUE(given_up->reply.has_value());
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ExportQueueTest, TellsAConnectionOnceThatNobodyReadsMetrics) {
  const Reply first = Answer(Metrics());
  EXPECT_EQ(first.kind, Kind::kTaken);
  EXPECT_EQ(first.rejected, 1u);
  EXPECT_THAT(first.message, HasSubstr("no_metrics_destination 1"));
  EXPECT_EQ(Answer(Metrics()).rejected, 0u);
  EXPECT_EQ(Answer(Metrics(), 7, 2).rejected, 1u);
  EXPECT_EQ(counters_.Total("admission.dropped", "no_metrics_destination"), 3u);
  reads_metrics_ = true;
  EXPECT_EQ(Answer(Metrics()).rejected, 0u);
  const auto reader = journal_->OpenReader("");
  reader->Restore(0);
  const auto entry = reader->Next(std::chrono::steady_clock::now());
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->batch.sent_records, 1u);
}

}  // namespace
}  // namespace sluice::ingest::otlp
