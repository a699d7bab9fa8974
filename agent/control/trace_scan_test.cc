#include "agent/control/trace_scan.h"

#include <atomic>
#include <map>

#include "agent/control/record_query.h"
#include "agent/control/trace_query.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/disk/v1/journal.pb.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace sluice::control {
namespace {

using sluice::testing::EndRecord;
using sluice::testing::EventRecord;
using sluice::testing::MakeId;
using sluice::testing::StartRecord;
using sluice::testing::WholeRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;

class CountingFileSystem final : public FaultyFileSystem {
 public:
  using FaultyFileSystem::FaultyFileSystem;
  ssize_t Pread(int fd, char* bytes, size_t size, uint64_t offset) override {
    const ssize_t got = FaultyFileSystem::Pread(fd, bytes, size, offset);
    if (got > 0) read_bytes += static_cast<uint64_t>(got);
    return got;
  }
  std::atomic<uint64_t> read_bytes = 0;
};

class SilentStream final : public AnswerStream {
 public:
  bool Send(std::string) override {
    ++sent;
    return true;
  }
  bool IsOver() override { return is_over; }
  void WhenOver(std::function<void()>) override {}
  bool OnLoop(const std::function<void()>&) override { return true; }

  bool is_over = false;
  int sent = 0;
};

struct NothingToRecover final : journal::RecoveryVisitor {
  void OnCheckpoint(std::string_view) override {}
  void OnEntry(const journal::Entry&) override {}
};

// One entry a batch, `second_` seconds after the epoch, in segments of some 4 KiB whose checkpoints
// hold the spans that are open.
class TraceScanTest : public ::testing::Test {
 protected:
  TraceScanTest() {
    journal::Options options;
    options.directory = directory_.path() + "/journal";
    options.boot_id = "boot";
    options.counters = &counters_;
    options.file_system = &files_;
    options.segment_bytes = 4096;
    NothingToRecover nothing;
    journal_ = *journal::Journal::Open(options, &nothing);
    journal_->Start([this] { return Checkpoint(); }, [](uint64_t) {});
  }

  std::string Checkpoint() const {
    disk::v1::Checkpoint checkpoint;
    for (const auto& [key, record] : open_) {
      auto& state = *checkpoint.add_open_spans();
      state.mutable_identity()->set_uid(key.first);
      *state.add_records() = record;
    }
    return checkpoint.SerializeAsString();
  }

  // Spans of `records` begin and end at the entry's second.
  void Write(std::vector<v1::Record> records, uid_t uid = 5, bool synthetic = false) {
    ++second_;
    for (v1::Record& record : records) {
      if (record.has_event()) continue;
      auto& span = *record.mutable_span();
      if (span.start_time_unix_nano() != 0) span.set_start_time_unix_nano(second_ * kSecond);
      if (span.end_time_unix_nano() != 0) span.set_end_time_unix_nano(second_ * kSecond + kSecond);
      const std::pair key(uid, span.span_id());
      if (record.kind() == v1::RECORD_KIND_SPAN_START) open_[key] = record;
      if (record.kind() == v1::RECORD_KIND_SPAN_END) open_.erase(key);
    }
    Append(records, uid, synthetic);
  }

  void Append(const std::vector<v1::Record>& records, uid_t uid, bool synthetic) {
    journal::BatchHead head;
    head.uid = uid;
    head.unit = uid == 6 ? "six.service" : "";
    head.received_unix_nano = second_ * kSecond;
    head.received_boottime_nano = second_ * kSecond;
    head.synthetic = synthetic;
    std::string payload;
    journal::AppendBatchHead(head, &payload);
    payload += sluice::testing::EncodeBatch(0, records);
    ASSERT_TRUE(journal_->Append(uid, {payload}, journal::Urgency::kGrouped).ok());
    journal_->CommitTurn();
  }

  // Some segments of traces that are over, all of other ids than tests use.
  void WriteManyOthers() {
    for (int i = 0; i < 200; ++i) {
      v1::Record record = WholeRecord(static_cast<uint8_t>(200 + i % 20), 1);
      record.mutable_span()->mutable_trace_id()->at(0) = static_cast<char>(i + 1);
      record.mutable_span()->set_name(std::string(60, 'x'));
      Write({record}, 7);
    }
  }

  std::vector<TraceSums> Scan(TraceFilter filter = {}) {
    return TraceScan(journal_.get(), std::move(filter), second_ * kSecond, &stream_).Run();
  }
  // The last byte of each id.
  std::vector<int> Ids(TraceFilter filter = {}) {
    std::vector<int> ids;
    for (const TraceSums& sums : Scan(std::move(filter))) ids.push_back(sums.id.bytes.back());
    return ids;
  }

  absl::StatusOr<SelectedTrace> Select(const v1::TraceSelector& selector) {
    return SelectTrace(journal_.get(), selector, std::nullopt, &stream_);
  }

  sluice::testing::TempDirectory directory_;
  Counters counters_;
  CountingFileSystem files_{&FileSystem::System()};
  std::map<std::pair<uid_t, std::string>, v1::Record> open_;
  uint64_t second_ = 100;
  SilentStream stream_;
  std::unique_ptr<journal::Journal> journal_;
};

TEST_F(TraceScanTest, IsEmptyForAnEmptyJournal) { EXPECT_THAT(Scan(), IsEmpty()); }

TEST_F(TraceScanTest, SumsUpTheNewestFirst) {
  Write({WholeRecord(1, 1)});
  v1::Record failed = EndRecord(2, 2);
  failed.mutable_span()->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  v1::Record error = EventRecord("broken", 2, 1);
  error.set_level(v1::LEVEL_ERROR);
  Write({StartRecord(2, 1, 0, "root"), StartRecord(2, 2, 1, "child"), error, failed,
         StartRecord(2, 3, 1)});
  const auto traces = Scan();
  ASSERT_EQ(traces.size(), 2u);
  const TraceSums& newest = traces[0];
  EXPECT_EQ(newest.id, MakeId<TraceId>(2));
  EXPECT_EQ(newest.root_name, "root");
  EXPECT_EQ(newest.spans, 3u);
  EXPECT_EQ(newest.events, 1u);
  EXPECT_EQ(newest.errors, 2u);
  EXPECT_EQ(newest.open, 2u);
  EXPECT_EQ(newest.boot_id, "boot");
  EXPECT_EQ(newest.first_sequence, 2u);
  EXPECT_EQ(traces[1].id, MakeId<TraceId>(1));
  EXPECT_EQ(traces[1].end_unix_nano - traces[1].start_unix_nano, kSecond);
}

TEST_F(TraceScanTest, SumsAcrossSegments) {
  Write({StartRecord(1, 1, 0, "long")});
  Write({WholeRecord(1, 2, 1)});
  WriteManyOthers();
  Write({WholeRecord(1, 3, 1), EventRecord("late", 1, 1)});
  TraceFilter filter;
  filter.limit = 1000;
  const auto traces = Scan(filter);
  ASSERT_EQ(traces.size(), 201u);
  const TraceSums& oldest = traces.back();
  EXPECT_EQ(oldest.root_name, "long");
  EXPECT_EQ(oldest.spans, 3u);
  EXPECT_EQ(oldest.events, 1u);
  EXPECT_EQ(oldest.open, 1u);
  EXPECT_EQ(oldest.first_sequence, 1u);
  EXPECT_EQ(oldest.last_sequence, 203u);
}

// As SDKs send them: children first, in batches of their own, and whole.
TEST_F(TraceScanTest, JoinsWhatIsSentAfterItsEndInPieces) {
  v1::Record child = WholeRecord(1, 2, 1);
  Write({child});
  const uint64_t begin = second_;
  WriteManyOthers();
  v1::Record root = WholeRecord(1, 1);
  root.mutable_span()->set_start_time_unix_nano(begin * kSecond - 1);
  ++second_;
  Append({root}, 5, false);
  TraceFilter filter;
  filter.limit = 201;
  const auto traces = Scan(filter);
  ASSERT_EQ(traces.size(), 201u);
  EXPECT_EQ(traces.back().spans, 2u);
}

// However few segments an answer needs, it is the beginning of the one that takes all of them.
TEST_F(TraceScanTest, AnswersWithALimitAsWithoutOne) {
  Write({StartRecord(1, 1, 0, "long")});
  Write({WholeRecord(2, 2, 1)});
  const uint64_t begin_of_2 = second_ * kSecond - 1;
  WriteManyOthers();
  v1::Record root = WholeRecord(2, 1);
  root.mutable_span()->set_start_time_unix_nano(begin_of_2);
  ++second_;
  v1::Record late = WholeRecord(1, 3, 1);
  late.mutable_span()->set_start_time_unix_nano(second_ * kSecond);
  Append({root, late}, 5, false);
  const auto told = [&](size_t limit) {
    std::vector<std::string> lines;
    for (const TraceSums& sums : Scan({.limit = limit})) {
      lines.push_back(sums.id.ToHex() + ' ' + sums.root_name + ' ' + std::to_string(sums.spans));
    }
    return lines;
  };
  const std::vector<std::string> all = told(1000);
  ASSERT_EQ(all.size(), 202u);
  // The newest segments hold some 25 each.
  for (size_t limit = 1; limit < 60; ++limit) {
    EXPECT_EQ(told(limit), std::vector(all.begin(), all.begin() + static_cast<ptrdiff_t>(limit)));
    if (HasFailure()) return;
  }
}

TEST_F(TraceScanTest, ReadsNoFurtherThanTheAnswerNeeds) {
  WriteManyOthers();
  TraceFilter filter;
  filter.limit = 5;
  files_.read_bytes = 0;
  EXPECT_EQ(Scan(filter).size(), 5u);
  const uint64_t for_five = files_.read_bytes;
  filter.limit = 1000;
  files_.read_bytes = 0;
  EXPECT_EQ(Scan(filter).size(), 200u);
  EXPECT_LT(for_five * 4, files_.read_bytes);
}

// Finding it reads a segment or two; its records are then read from where they begin.
TEST_F(TraceScanTest, RecordsOfTheLastTraceAreReadOnce) {
  WriteManyOthers();
  Write({WholeRecord(1, 1)});
  v1::TraceSelector selector;
  selector.set_last(true);
  files_.read_bytes = 0;
  ASSERT_TRUE(Select(selector).ok());
  const uint64_t to_find_it = files_.read_bytes;
  v1::RecordsRequest request;
  *request.mutable_select() = selector;
  const auto records = QueryRecords(journal_.get(), request, std::nullopt);
  files_.read_bytes = 0;
  ASSERT_TRUE((*records)(stream_).ok());
  EXPECT_EQ(stream_.sent, 1);
  // The segment's header, and the window that is read at once.
  EXPECT_LT(files_.read_bytes, to_find_it + 1024);
}

TEST_F(TraceScanTest, CountsAStartThatIsStatedAgainOnce) {
  Write({StartRecord(1, 1)});
  Write({StartRecord(1, 1)});
  EXPECT_EQ(Scan()[0].spans, 1u);
}

TEST_F(TraceScanTest, TellsAbortedFromFailed) {
  Write({StartRecord(1, 1)});
  v1::Record end = EndRecord(1, 1);
  end.mutable_span()->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  Write({end}, 5, /*synthetic=*/true);
  EXPECT_EQ(Scan()[0].aborted, 1u);
  EXPECT_EQ(Scan()[0].errors, 0u);
  EXPECT_EQ(Scan()[0].open, 0u);
  TraceFilter failed;
  failed.failed = true;
  EXPECT_THAT(Ids(failed), ElementsAre(1));
}

TEST_F(TraceScanTest, Filters) {
  Write({WholeRecord(1, 1)});
  Write({WholeRecord(2, 1), EventRecord("Disk is slow", 2, 1)}, 6);
  Write({StartRecord(3, 1)});
  Write({WholeRecord(4, 1)});
  const uint64_t begin_of_4 = second_ * kSecond;
  TraceFilter filter;
  filter.uid = 6;
  EXPECT_THAT(Ids(filter), ElementsAre(2));
  filter = {};
  filter.only_uid = 6;
  EXPECT_THAT(Ids(filter), ElementsAre(2));
  filter = {};
  filter.unit = "six.service";
  EXPECT_THAT(Ids(filter), ElementsAre(2));
  filter = {};
  filter.text = "disk IS";
  EXPECT_THAT(Ids(filter), ElementsAre(2));
  filter = {};
  filter.boot_id = "another";
  EXPECT_THAT(Ids(filter), IsEmpty());
  filter = {};
  filter.since_unix_nano = begin_of_4;
  EXPECT_THAT(Ids(filter), ElementsAre(4));
  filter = {};
  filter.until_unix_nano = begin_of_4 - 1;
  EXPECT_THAT(Ids(filter), ElementsAre(3, 2, 1));
  filter = {};
  second_ += 5;
  filter.slower_than_nano = kSecond;
  EXPECT_THAT(Ids(filter), ElementsAre(3)) << "an open one lasts until now";
}

TEST_F(TraceScanTest, LeavesOutEventsOfAnotherHostsSpans) {
  Write({EventRecord("from here", 1, 1)});
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(TraceScanTest, EndsWhenNobodyListens) {
  WriteManyOthers();
  stream_.is_over = true;
  EXPECT_THAT(Scan(), IsEmpty());
}

TEST_F(TraceScanTest, SelectsOne) {
  Write({WholeRecord(1, 1)});
  v1::Record failed = WholeRecord(2, 2);
  failed.mutable_span()->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  Write({failed});
  Write({WholeRecord(3, 3)});
  v1::TraceSelector selector;
  selector.set_last(true);
  EXPECT_EQ(Select(selector)->id, MakeId<TraceId>(3));
  EXPECT_EQ(Select(selector)->first_sequence, 3u);
  selector.set_last_failed(true);
  EXPECT_EQ(Select(selector)->id, MakeId<TraceId>(2));
  selector.set_span_id(std::string(MakeId<SpanId>(1).raw()));
  EXPECT_EQ(Select(selector)->id, MakeId<TraceId>(1));
  selector.set_trace_id_prefix("00000000000000000000000000000002");
  EXPECT_EQ(Select(selector)->id, MakeId<TraceId>(2));
  selector.set_trace_id_prefix("0000");
  EXPECT_EQ(Select(selector).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Select(selector).status().message()),
              HasSubstr("00000000000000000000000000000003"));
  selector.set_trace_id_prefix("ab");
  EXPECT_EQ(Select(selector).status().code(), absl::StatusCode::kNotFound);
  for (const char* wrong : {"", "xyz", "000000000000000000000000000000001"}) {
    selector.set_trace_id_prefix(wrong);
    EXPECT_EQ(Select(selector).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace sluice::control
