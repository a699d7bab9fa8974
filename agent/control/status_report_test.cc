#include "agent/control/status_report.h"

#include "agent/self/counters.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

namespace sluice::control {
namespace {

using sluice::testing::EndRecord;
using sluice::testing::StartRecord;

constexpr size_t kPiece = 256;

// Keeps the answer, and counts how often the loop was asked for something.
class OneAnswer final : public AnswerStream {
 public:
  bool Send(std::string message) override {
    EXPECT_TRUE(response.ParseFromString(message));
    bytes = message.size();
    return true;
  }
  bool IsOver() override { return false; }
  void WhenOver(std::function<void()>) override {}
  bool OnLoop(const std::function<void()>& work) override {
    if (pieces == give_up_after) return false;
    ++pieces;
    work();
    if (between) between();
    return true;
  }

  v1::StatusResponse response;
  size_t bytes = 0;
  int pieces = 0;
  int give_up_after = -1;
  std::function<void()> between;
};

class StatusReportTest : public ::testing::Test {
 protected:
  void Open(uid_t uid, size_t count, const std::string& name = "work") {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = uid;
    for (size_t n = 0; n < count; ++n) {
      v1::Record start = StartRecord(1, 1, 9, name);
      const auto id = ++last_id_;
      start.mutable_span()->set_span_id(std::string(reinterpret_cast<const char*>(&id), 8));
      const std::string encoded = start.SerializeAsString();
      spans_.Apply(*ReadRecord(encoded), origin, 0);
    }
  }

  v1::StatusResponse Ask(std::optional<uid_t> uid, OneAnswer* answer) {
    v1::StatusRequest request;
    request.set_open_spans(true);
    EXPECT_TRUE(report_.Answer(request, {}, uid, *answer).ok());
    return answer->response;
  }
  v1::StatusResponse Ask(std::optional<uid_t> uid) {
    OneAnswer answer;
    return Ask(uid, &answer);
  }

  testing::TempDirectory directory_;
  Counters counters_;
  std::unique_ptr<journal::Journal> journal_ = testing::StartJournal(directory_.path(), &counters_);
  live::SpanTable spans_;
  net::PeerTable peers_;
  ingest::IngestService ingest_{{}};
  std::vector<std::unique_ptr<sinks::SinkWorker>> workers_;
  const StatusReport report_{{.boot_id = "boot",
                              .vm_id = "vm",
                              .journal = journal_.get(),
                              .spans = &spans_,
                              .ingest = &ingest_,
                              .counters = &counters_,
                              .peers = &peers_,
                              .workers = &workers_,
                              .settings = [] { return std::vector<v1::Setting>(3); }}};
  uint64_t last_id_ = 0;
};

TEST_F(StatusReportTest, ListsOpenSpansWithWhatTheirStartSaid) {
  Open(5, 1, "é" + std::string(300, 'n'));
  const v1::StatusResponse status = Ask(5);
  EXPECT_EQ(status.open_span_count(), 1u);
  ASSERT_EQ(status.open_spans_size(), 1);
  const v1::OpenSpan& span = status.open_spans(0);
  EXPECT_EQ(span.name(), "é" + std::string(254, 'n'));
  EXPECT_EQ(span.start_time_unix_nano(), 1'000'000'000u);
  EXPECT_EQ(span.parent_span_id().back(), 9);
  EXPECT_EQ(span.identity().uid(), 5u);
  EXPECT_EQ(status.boot_id(), "boot");
}

TEST_F(StatusReportTest, ShowsAUserItsOwnPartAndLooksAtNothingElse) {
  Open(5, 10'000);
  Open(6, 3);
  counters_.Add("a.b", "", 5);
  counters_.Add("a.b", "", 6, 7);
  OneAnswer answer;
  const v1::StatusResponse status = Ask(6, &answer);
  EXPECT_EQ(status.open_span_count(), 3u);
  EXPECT_EQ(status.open_spans_size(), 3);
  ASSERT_EQ(status.counters_size(), 1);
  EXPECT_EQ(status.counters(0).value(), 7u);
  EXPECT_EQ(status.settings_size(), 0);
  EXPECT_EQ(answer.pieces, 3) << "the head, the clients, the spans";
  const v1::StatusResponse all = Ask(std::nullopt);
  EXPECT_EQ(all.open_span_count(), 10'003u);
  EXPECT_EQ(all.open_spans_size(), 10'003);
  EXPECT_EQ(all.settings_size(), 3);
}

TEST_F(StatusReportTest, CopiesAPieceAtATimeAndStopsWhereTheListIsFull) {
  Open(5, 5 * kPiece);
  OneAnswer answer;
  EXPECT_EQ(Ask(5, &answer).open_spans_size(), 5 * static_cast<int>(kPiece));
  EXPECT_LE(answer.pieces, 2 + 6);

  Open(6, 40'000, std::string(256, 'n'));
  OneAnswer full;
  const int listed = Ask(6, &full).open_spans_size();
  EXPECT_GT(listed, 5'000);
  EXPECT_LT(full.bytes, 3u * 1024 * 1024 + 10'000);
  EXPECT_LE(full.pieces, 2 + listed / static_cast<int>(kPiece) + 1);
}

TEST_F(StatusReportTest, NobodyHidesTheSpansOfOthersInTheListOfAll) {
  Open(5, 40'000, std::string(256, 'n'));
  Open(6, 100);
  int others = 0;
  const v1::StatusResponse status = Ask(std::nullopt);
  for (const v1::OpenSpan& span : status.open_spans()) {
    others += span.identity().uid() == 6 ? 1 : 0;
  }
  EXPECT_EQ(others, 100);
  EXPECT_GT(status.open_spans_size(), 3'000);
}

TEST_F(StatusReportTest, GoesOnThoughSpansEndBetweenThePieces) {
  Open(5, 4 * kPiece);
  OneAnswer answer;
  uint64_t next = 1;
  answer.between = [&] {
    for (int n = 0; n < 10; ++n, next += 50) {
      v1::Record end = EndRecord(1, 1);
      end.mutable_span()->set_span_id(std::string(reinterpret_cast<const char*>(&next), 8));
      const std::string encoded = end.SerializeAsString();
      spans_.Apply(*ReadRecord(encoded), std::make_shared<live::Origin>([] {
        live::Origin origin;
        origin.identity.uid = 5;
        return origin;
      }()),
                   0);
    }
  };
  const v1::StatusResponse status = Ask(5, &answer);
  EXPECT_GE(status.open_spans_size(), static_cast<int>(spans_.size()));
  EXPECT_LE(status.open_spans_size(), 4 * static_cast<int>(kPiece));
}

TEST_F(StatusReportTest, EndsWhereNobodyListens) {
  Open(5, 10 * kPiece);
  OneAnswer answer;
  answer.give_up_after = 4;
  Ask(5, &answer);
  EXPECT_EQ(answer.pieces, 4);
  EXPECT_EQ(answer.bytes, 0u);
}

}  // namespace
}  // namespace sluice::control
