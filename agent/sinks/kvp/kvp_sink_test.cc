#include "agent/sinks/kvp/kvp_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "agent/live/span_table.h"
#include "tests/support/kvp/pool_directory.h"
#include "tests/support/records.h"

namespace sluice::kvp {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class KvpSinkTest : public ::testing::Test {
 protected:
  KvpSink MakeSink(Profile profile = Profile::kSafe) {
    return KvpSink({.pool_path = directory_.pool(),
                    .runtime_directory = directory_.file(""),
                    .boot_id_path = directory_.file("boot_id"),
                    .vm_id = "vm",
                    .prefix = "p",
                    .trusted = {},
                    .profile = profile,
                    .journal_epoch = std::string(16, 'e'),
                    .counters = &counters_});
  }

  // An event named `name` outside any span.
  void AddEvent(KvpSink& sink, const std::string& name) {
    v1::Record record = testing::EventRecord("text");
    record.set_target(name);
    Add(sink, record, ++sequence_);
  }
  static v1::Record ReportEvent(const std::string& text) {
    v1::Record record = testing::EventRecord("text");
    testing::AddTextAttribute(&record, "health_report", text);
    return record;
  }
  void AddReport(KvpSink& sink, const std::string& text, uint64_t sequence) {
    Add(sink, ReportEvent(text), sequence);
  }
  void Add(KvpSink& sink, const v1::Record& record, uint64_t sequence,
           bool sender_is_host_root = true) {
    const std::string encoded = record.SerializeAsString();
    const std::optional<RecordView> view = ReadRecord(encoded);
    ASSERT_TRUE(view.has_value());
    const live::Origin origin;
    sink.Add({.sequence = sequence,
              .record = &*view,
              .origin = &origin,
              .sender_is_host_root = sender_is_host_root});
  }

  PoolDirectory directory_;
  Counters counters_;
  uint64_t sequence_ = 0;
};

TEST_F(KvpSinkTest, KeepsTheUuidOfAStrictKeyThatFitsNoField) {
  KvpSink sink = MakeSink(Profile::kStrict);
  ASSERT_TRUE(sink.Open().ok());
  for (const std::string& name :
       {std::string("a|b"), std::string(465, 'n'), std::string(500, 'n'), std::string("n\0n", 3)}) {
    AddEvent(sink, name);
    AddEvent(sink, name);
  }
  ASSERT_TRUE(sink.Commit().ok());
  const std::vector<std::string> texts = Texts(directory_.Bytes());
  ASSERT_EQ(texts.size(), 8u);
  EXPECT_THAT(texts[0], HasSubstr("|a|b|")) << "as azure-init writes it";
  EXPECT_THAT(texts[2], HasSubstr(std::string(465, 'n')));
}

TEST_F(KvpSinkTest, AFailedSpanSaysSoButNotInAzureInitsOwnBytes) {
  v1::Record record = testing::WholeRecord(1, 1);
  record.mutable_span()->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  record.mutable_span()->mutable_status()->set_message("why");
  const std::string encoded = record.SerializeAsString();
  const RecordView view = *ReadRecord(encoded);
  const auto origin = std::make_shared<const live::Origin>();
  const auto span = live::SpanTable().Whole(view, origin);
  for (const Profile profile : {Profile::kSafe, Profile::kStrict}) {
    directory_.Write("");
    KvpSink sink = MakeSink(profile);
    ASSERT_TRUE(sink.Open().ok());
    sink.Add({.kind = stream::Delivery::Kind::kSpanClosed,
              .sequence = ++sequence_,
              .record = &view,
              .level = Level::kError,
              .span = span.get(),
              .origin = origin.get()});
    ASSERT_TRUE(sink.Commit().ok());
    const std::string text = Texts(directory_.Bytes()).back();
    const bool is_strict = profile == Profile::kStrict;
    EXPECT_THAT(text, HasSubstr(is_strict ? "p|vm|INFO|app:work|" : "p|vm|ERROR|app:work|"));
    EXPECT_THAT(text,
                EndsWith(is_strict ? " | End: 1970-01-01T00:00:02.000Z"
                                   : " | End: 1970-01-01T00:00:02.000Z | Status: error: why"));
  }
}

// Files of this process take no more than so many bytes.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  const sighandler_t handler_;
  rlimit before_{};
};

TEST_F(KvpSinkTest, TriesAgainToRestoreThoughNobodyElseWrites) {
  KvpSink sink = MakeSink();
  ASSERT_TRUE(sink.Open().ok());
  AddEvent(sink, "a");
  ASSERT_TRUE(sink.Commit().ok());
  ASSERT_TRUE(sink.Sync().ok());
  const std::vector<std::string> texts = Texts(directory_.Bytes());
  directory_.Write("");
  {
    const FileSizeLimit limit(1);
    EXPECT_TRUE(sink.OnIdle());
    EXPECT_FALSE(sink.Sync().ok());
  }
  EXPECT_TRUE(sink.Sync().ok());
  EXPECT_EQ(Texts(directory_.Bytes()), texts);
}

TEST_F(KvpSinkTest, AReportThatComesAgainAfterAKillIsNotWrittenOverALaterOne) {
  const std::string theirs = RawRecord("PROVISIONING_REPORT", "theirs");
  {
    KvpSink sink = MakeSink();
    ASSERT_TRUE(sink.Open().ok());
    AddReport(sink, "ours", 1);
    ASSERT_TRUE(sink.Commit().ok());
    ASSERT_EQ(Texts(directory_.Bytes()), std::vector<std::string>{"PROVISIONING_REPORT=ours"});
  }
  directory_.Write(theirs);
  KvpSink sink = MakeSink();
  ASSERT_TRUE(sink.Open().ok());
  AddReport(sink, "ours", 1);
  ASSERT_TRUE(sink.Commit().ok());
  ASSERT_TRUE(sink.Sync().ok());
  EXPECT_EQ(directory_.Bytes(), theirs);
  AddReport(sink, "ours", 2);
  ASSERT_TRUE(sink.Commit().ok());
  EXPECT_EQ(Texts(directory_.Bytes()), std::vector<std::string>{"PROVISIONING_REPORT=ours"});
}

TEST_F(KvpSinkTest, AReportThatALaterOneReplacedInTimeDoesNotComeBackAfterAKill) {
  {
    KvpSink sink = MakeSink();
    ASSERT_TRUE(sink.Open().ok());
    AddReport(sink, "in progress", 1);
    AddReport(sink, "done", 2);
    ASSERT_TRUE(sink.Commit().ok());
  }
  KvpSink sink = MakeSink();
  ASSERT_TRUE(sink.Open().ok());
  AddReport(sink, "in progress", 1);
  ASSERT_TRUE(sink.Commit().ok());
  EXPECT_EQ(Texts(directory_.Bytes()), std::vector<std::string>{"PROVISIONING_REPORT=done"});
  AddReport(sink, "done", 2);
  ASSERT_TRUE(sink.Commit().ok());
  EXPECT_EQ(Texts(directory_.Bytes()), std::vector<std::string>{"PROVISIONING_REPORT=done"});
}

TEST_F(KvpSinkTest, TakesReportsOfHostRootAloneUnfiltered) {
  const KvpSink sink = MakeSink();
  const auto takes = [&](const v1::Record& record, bool is_host_root) {
    const std::string encoded = record.SerializeAsString();
    return sink.unfiltered()(*ReadRecord(encoded), is_host_root);
  };
  EXPECT_TRUE(takes(ReportEvent("result=success"), true));
  EXPECT_FALSE(takes(ReportEvent("result=success"), false));
  EXPECT_FALSE(takes(ReportEvent(std::string(1023, 'x')), true));
  EXPECT_FALSE(takes(testing::EventRecord("health_report"), true));
}

TEST_F(KvpSinkTest, AReportOfOthersStaysAnEvent) {
  KvpSink sink = MakeSink();
  ASSERT_TRUE(sink.Open().ok());
  Add(sink, ReportEvent("forged"), 1, /*sender_is_host_root=*/false);
  ASSERT_TRUE(sink.Commit().ok());
  const std::vector<std::string> texts = Texts(directory_.Bytes());
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_THAT(texts[0], HasSubstr("forged"));
  EXPECT_THAT(texts[0], Not(HasSubstr("PROVISIONING_REPORT")));
}

TEST_F(KvpSinkTest, ClearsAnOldPoolThatIsMountedAfterTheStart) {
  const std::string mounted = directory_.file("mounted");
  const std::string pool = mounted + "/.kvp_pool_1";
  KvpSink sink({.pool_path = pool,
                .runtime_directory = directory_.file(""),
                .boot_id_path = directory_.file("boot_id"),
                .vm_id = "vm",
                .prefix = "p",
                .trusted = {},
                .profile = Profile::kSafe,
                .journal_epoch = std::string(16, 'e'),
                .counters = &counters_});
  ASSERT_TRUE(sink.Open().ok());
  AddEvent(sink, "a");
  EXPECT_FALSE(sink.Commit().ok());
  ASSERT_EQ(::mkdir(mounted.c_str(), 0755), 0);
  std::ofstream(pool) << RawRecord("of the boot before", "1");
  const timespec times[2] = {{1'000'000, 0}, {1'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, pool.c_str(), times, 0), 0);
  ASSERT_TRUE(sink.Commit().ok());
  std::stringstream bytes;
  bytes << std::ifstream(pool).rdbuf();
  EXPECT_EQ(Texts(bytes.str()).size(), 1u);
  EXPECT_EQ(counters_.Total("kvp.stale_cleared"), 1u);
}

}  // namespace
}  // namespace sluice::kvp
