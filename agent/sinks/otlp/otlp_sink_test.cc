#include "agent/sinks/otlp/otlp_sink.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "agent/sinks/otlp/local_transport.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/support/otlp/sink_fixture.h"
#include "tests/support/temp_directory.h"

namespace sluice::otlp {
namespace {

using ::testing::ElementsAre;
using testing::EndRecord;
using testing::EventRecord;
using testing::StartRecord;
using ::testing::UnorderedElementsAre;
using testing::UpdateRecord;
using testing::WholeRecord;

TEST_F(OtlpSinkTest, ExportsASpanOnceItHasEnded) {
  Use();
  Feed(5, {StartRecord(1, 1, 0, "step")});
  EXPECT_EQ(sink_->pending_records(), 0u);
  sluice::v1::Record update = UpdateRecord(1, 1);
  testing::AddTextAttribute(&update, "k", "v");
  Feed(5, {update, EndRecord(1, 1)});
  EXPECT_EQ(sink_->pending_records(), 1u);
  EXPECT_GT(sink_->pending_bytes(), 0u);
  const auto request = SentTraces();
  ASSERT_EQ(request.resource_spans_size(), 1);
  ASSERT_EQ(request.resource_spans(0).scope_spans_size(), 1);
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).scope().name(), "app");
  const v1::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  EXPECT_EQ(span.name(), "step");
  EXPECT_EQ(span.start_time_unix_nano(), 1'000'000'000u);
  EXPECT_EQ(span.end_time_unix_nano(), 2'000'000'000u);
  EXPECT_EQ(span.attributes(0).key(), "k");
  EXPECT_EQ(sink_->pending_records(), 0u);
}

TEST_F(OtlpSinkTest, TellsWhoSentIt) {
  Use();
  disk::v1::JournalBatch batch = Batch(5);
  batch.mutable_identity()->set_unit("job.service");
  auto* const attribute = batch.mutable_resource()->add_attributes();
  attribute->set_key("service.version");
  attribute->mutable_value()->set_string_value("1.2");
  batch.mutable_resource()->set_dropped_attributes_count(3);
  *batch.add_records() = WholeRecord(1, 1);
  *batch.add_records() = EventRecord("hello");
  Feed(batch);
  ASSERT_TRUE(sink_->Commit().ok());
  ASSERT_EQ(transport_->calls.size(), 2u);
  v1::ExportTraceServiceRequest traces;
  ASSERT_TRUE(traces.ParseFromString(transport_->calls[0].request));
  const v1::Resource& resource = traces.resource_spans(0).resource();
  EXPECT_THAT(
      AttributesOf(resource),
      UnorderedElementsAre(std::pair("service.version", "1.2"), std::pair("sluice.uid", "5"),
                           std::pair("sluice.gid", "6"), std::pair("sluice.pid", "7"),
                           std::pair("sluice.unit", "job.service"), std::pair("sluice.comm", "job"),
                           std::pair("host.name", "host"), std::pair("host.id", "id-1"),
                           std::pair("service.name", "unknown_service:job")));
  EXPECT_EQ(resource.dropped_attributes_count(), 3u);
  v1::ExportLogsServiceRequest logs;
  ASSERT_TRUE(logs.ParseFromString(transport_->calls[1].request));
  EXPECT_EQ(logs.resource_logs(0).resource().SerializeAsString(), resource.SerializeAsString());
}

TEST_F(OtlpSinkTest, AProcessMaySayWhereItIsButNotWhoItIs) {
  options_.host.attributes = {{"deployment.environment", "test"}, {"host.id", "ours"}};
  Use();
  disk::v1::JournalBatch batch = Batch(5);
  batch.mutable_identity()->set_unit("docker-" + std::string(64, 'a') + ".scope");
  batch.mutable_identity()->set_pod("6f2a8e1c");
  for (const char* key : {"service.name", "host.name", "deployment.environment"}) {
    auto* const attribute = batch.mutable_resource()->add_attributes();
    attribute->set_key(key);
    attribute->mutable_value()->set_string_value("said");
  }
  *batch.add_records() = WholeRecord(1, 1);
  Feed(batch);
  auto attributes = AttributesOf(SentTraces().resource_spans(0).resource());
  EXPECT_EQ(attributes["service.name"], "said");
  EXPECT_EQ(attributes["host.name"], "said");
  EXPECT_EQ(attributes["deployment.environment"], "said");
  EXPECT_EQ(attributes["container.id"], std::string(64, 'a'));
  EXPECT_EQ(attributes["k8s.pod.uid"], "6f2a8e1c");
  EXPECT_EQ(attributes["sluice.uid"], "5");
}

TEST_F(OtlpSinkTest, GroupsBySenderAndTarget) {
  Use();
  sluice::v1::Record other = WholeRecord(1, 3);
  other.set_target("other");
  Feed(5, {WholeRecord(1, 1)});
  Feed(6, {WholeRecord(1, 2)});
  Feed(5, {other});
  Feed(5, {WholeRecord(1, 4)});
  Feed(5, {WholeRecord(1, 5)}, 8);
  const auto request = SentTraces();
  std::vector<std::string> groups;
  for (const auto& resource : request.resource_spans()) {
    auto attributes = AttributesOf(resource.resource());
    std::string text = attributes["sluice.uid"] + "/" + attributes["sluice.pid"];
    for (const auto& scope : resource.scope_spans()) {
      text += " " + scope.scope().name() + ":";
      for (const auto& span : scope.spans()) text += std::to_string(span.span_id().back());
    }
    groups.push_back(text);
  }
  EXPECT_THAT(groups, ElementsAre("5/7 app:14 other:3", "6/7 app:2", "5/8 app:5"));
}

TEST_F(OtlpSinkTest, AnEventHasASeverity) {
  Use();
  sluice::v1::Record warning = EventRecord("careful", 1, 9);
  warning.set_level(sluice::v1::LEVEL_WARN);
  sluice::v1::Record stated = EventRecord("stated");
  stated.mutable_event()->set_severity_number(v1::SEVERITY_NUMBER_INFO3);
  Feed(5, {warning, stated});
  const auto logs = SentLogs().resource_logs(0).scope_logs(0);
  EXPECT_EQ(logs.scope().name(), "app");
  ASSERT_EQ(logs.log_records_size(), 2);
  EXPECT_EQ(logs.log_records(0).severity_number(), v1::SEVERITY_NUMBER_WARN);
  EXPECT_EQ(logs.log_records(0).body().string_value(), "careful");
  EXPECT_EQ(logs.log_records(0).span_id().back(), 9);
  EXPECT_EQ(logs.log_records(1).severity_number(), v1::SEVERITY_NUMBER_INFO3);
}

TEST_F(OtlpSinkTest, ASpanOfAKilledProcessIsAnError) {
  Use();
  Feed(5, {StartRecord(1, 1)});
  sluice::v1::Record end = EndRecord(1, 1);
  testing::AddTextAttribute(&end, "sluice.abort.cause", "signal 9 (SIGKILL)");
  end.mutable_span()->mutable_status()->set_code(v1::Status::STATUS_CODE_ERROR);
  disk::v1::JournalBatch batch = Batch(5);
  batch.set_synthetic(true);
  *batch.add_records() = end;
  Feed(batch);
  const auto request = SentTraces();
  const v1::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  EXPECT_EQ(span.status().code(), v1::Status::STATUS_CODE_ERROR);
  EXPECT_EQ(span.attributes(0).key(), "sluice.abort.cause");
}

TEST_F(OtlpSinkTest, AChildOfWhatIsNotExportedNamesTheNearestThatIs) {
  Use("info,quiet=warn");
  sluice::v1::Record hidden = StartRecord(1, 2, 1, "hidden");
  hidden.set_target("quiet");
  sluice::v1::Record alone = StartRecord(1, 6, 9, "alone");
  alone.set_target("quiet");
  Feed(5,
       {StartRecord(1, 1, 0, "outer"), hidden, StartRecord(1, 3, 2, "inner"), WholeRecord(1, 4, 2),
        EventRecord("hello", 1, 2), EndRecord(1, 3), alone, WholeRecord(1, 7, 6)});
  const auto spans = SentTraces().resource_spans(0).scope_spans(0);
  ASSERT_EQ(spans.spans_size(), 3);
  EXPECT_EQ(spans.spans(0).span_id().back(), 4);
  EXPECT_EQ(spans.spans(0).parent_span_id().back(), 1);
  EXPECT_EQ(spans.spans(1).name(), "inner");
  EXPECT_EQ(spans.spans(1).parent_span_id().back(), 1);
  EXPECT_EQ(spans.spans(2).parent_span_id().back(), 9) << "of another host";
}

TEST_F(OtlpSinkTest, AnEventWithinWhatIsNotExportedNamesTheNearestThatIs) {
  options_.settings.events = EventsAs::kLog;
  Use("info,quiet=warn");
  sluice::v1::Record hidden = StartRecord(1, 2, 1, "hidden");
  hidden.set_target("quiet");
  Feed(5, {StartRecord(1, 1, 0, "outer"), hidden, EventRecord("hello", 1, 2)});
  const auto logs = SentLogs();
  EXPECT_EQ(logs.resource_logs(0).scope_logs(0).log_records(0).span_id().back(), 1);
}

TEST_F(OtlpSinkTest, TellsASpansLevelWhereThatIsWanted) {
  options_.settings.level_attribute = "level";
  Use();
  sluice::v1::Record whole = WholeRecord(1, 1);
  whole.set_level(sluice::v1::LEVEL_WARN);
  Feed(5, {whole});
  const auto request = SentTraces();
  const v1::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  ASSERT_EQ(span.attributes_size(), 1);
  EXPECT_EQ(span.attributes(0).key(), "level");
  EXPECT_EQ(span.attributes(0).value().string_value(), "WARN");
}

// One scope in one piece, record by record since a filter asks for spans, and so since a sample is
// taken.
class AsItCame : public OtlpSinkTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    options_.settings.level_attribute = "level";
    const std::string_view way = GetParam();
    if (way == "sampled") options_.settings.sample = {.share = 0.9999999};
    Use(way == "filtered" ? "info,[none]=trace" : "info");
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, AsItCame, ::testing::Values("whole", "filtered", "sampled"));

TEST_P(AsItCame, GoesOutWithAllThatIsAroundIt) {
  disk::v1::JournalBatch batch = Batch(5);
  batch.set_resource_schema_url("https://resource");
  batch.set_resource_rest(std::string("\xfa\x06\x01x", 4));  // field 111
  v1::ScopeSpans scope;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(scope { name: "lib" version: "2" attributes { key: "a" } dropped_attributes_count: 1 }
         spans { trace_id: "0123456789abcdef" span_id: "01234567" name: "first" }
         spans { trace_id: "0123456789abcdef" span_id: "89abcdef" name: "second" }
         schema_url: "https://scope")",
      &scope));
  scope.GetReflection()->MutableUnknownFields(&scope)->AddVarint(112, 7);
  *batch.add_scope_spans() = scope;
  Feed(batch);
  const auto request = SentTraces();
  ASSERT_EQ(request.resource_spans_size(), 1);
  const v1::ResourceSpans& resource = request.resource_spans(0);
  EXPECT_EQ(resource.schema_url(), "https://resource");
  EXPECT_EQ(resource.GetReflection()->GetUnknownFields(resource).field_count(), 1);
  ASSERT_EQ(resource.scope_spans_size(), 1);
  EXPECT_EQ(resource.scope_spans(0).SerializeAsString(), scope.SerializeAsString());
}

TEST_P(AsItCame, LogRecordsToo) {
  disk::v1::JournalBatch batch = Batch(5);
  v1::ScopeLogs scope;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(scope { name: "lib" } log_records { severity_text: "odd" body { int_value: 1 } })",
      &scope));
  *batch.add_scope_logs() = scope;
  Feed(batch);
  EXPECT_EQ(SentLogs().resource_logs(0).scope_logs(0).SerializeAsString(),
            scope.SerializeAsString());
}

TEST_P(AsItCame, MetricsToo) {
  disk::v1::JournalBatch batch = Batch(5);
  batch.set_received_unix_nano(clock_.UnixNano());
  v1::ScopeMetrics scope;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(scope { name: "lib" } metrics: "\n\001a" metrics: "\n\001b"
         schema_url: "https://scope")",
      &scope));
  batch.add_scope_metrics(scope.SerializeAsString());
  Feed(batch);
  EXPECT_EQ(sink_->pending_records(), 2u);
  const auto request = SentMetrics();
  ASSERT_EQ(request.resource_metrics_size(), 1);
  EXPECT_EQ(AttributesOf(request.resource_metrics(0).resource())["sluice.uid"], "5");
  EXPECT_EQ(request.resource_metrics(0).scope_metrics(0).SerializeAsString(),
            scope.SerializeAsString());
  Feed(batch, true);
  EXPECT_EQ(sink_->pending_records(), 0u) << "they are not held";
}

TEST_F(OtlpSinkTest, MetricsOfAnHourAgoAreNotSent) {
  Use();
  clock_.Advance(std::chrono::hours(2));
  disk::v1::JournalBatch batch = Batch(5);
  v1::ScopeMetrics scope;
  scope.add_metrics();
  batch.add_scope_metrics(scope.SerializeAsString());
  batch.set_received_unix_nano(clock_.UnixNano() - 3'601'000'000'000);
  Feed(batch);
  EXPECT_EQ(sink_->pending_records(), 0u);
  EXPECT_EQ(counters_.Total("otlp.dropped", "old_metrics"), 1u);
  batch.set_received_unix_nano(clock_.UnixNano() - 3'599'000'000'000);
  Feed(batch);
  EXPECT_EQ(sink_->pending_records(), 1u);
}

// As of a batch of records of which each alone is judged.
TEST_F(OtlpSinkTest, AScopeIsTakenWholeOnlyWhereAllOfItPasses) {
  Use("info,quiet=off,loud=trace");
  const auto feed = [&](const std::string& scope_name, const std::string& level) {
    disk::v1::JournalBatch batch = Batch(5);
    auto* const scope = batch.add_scope_spans();
    scope->mutable_scope()->set_name(scope_name);
    *scope->add_spans() = WholeRecord(1, 1).span();
    sluice::v1::Record second = WholeRecord(1, 2);
    testing::AddTextAttribute(&second, "level", level);
    *scope->add_spans() = second.span();
    const size_t before = sink_->pending_records();
    Feed(batch);
    return sink_->pending_records() - before;
  };
  EXPECT_EQ(feed("app", "warn"), 2u);
  EXPECT_EQ(feed("app", "debug"), 1u);
  EXPECT_EQ(feed("loud", "debug"), 2u);
  EXPECT_EQ(feed("quiet", "debug"), 0u);
}

// The bytes around a level are a sender's choice.
TEST_F(OtlpSinkTest, FindsALevelWhateverStandsBeforeIt) {
  Use("info");
  for (const size_t misses : {0, 1, 2, 3, 100, 1000}) {
    for (const std::string& decoy : {std::string("\x05"), std::string("\n\x05leve")}) {
      disk::v1::JournalBatch batch = Batch(5);
      sluice::v1::Record record = WholeRecord(1, 1);
      std::string state;
      for (size_t i = 0; i < misses; ++i) state += decoy;
      record.mutable_span()->set_trace_state(state);
      testing::AddTextAttribute(&record, "level", "debug");
      *batch.add_scope_spans()->add_spans() = record.span();
      Feed(batch);
      EXPECT_EQ(sink_->pending_records(), 0u) << misses << " times " << decoy;
    }
  }
}

TEST_F(OtlpSinkTest, ChildrenByOtlpOfWhatIsNotExportedNameTheNearestThatIs) {
  Use("info,quiet=warn");
  sluice::v1::Record hidden = StartRecord(1, 2, 1, "hidden");
  hidden.set_target("quiet");
  const auto parent_of_child = [&](uint8_t id) {
    disk::v1::JournalBatch batch = Batch(5);
    *batch.add_scope_spans()->add_spans() = WholeRecord(1, id, 2).span();
    Feed(batch);
    return SentTraces().resource_spans(0).scope_spans(0).spans(0).parent_span_id().back();
  };
  Feed(5, {StartRecord(1, 1, 0, "outer"), hidden});
  EXPECT_EQ(parent_of_child(3), 1);
  Feed(5, {EndRecord(1, 2)});
  EXPECT_EQ(parent_of_child(4), 2) << "what has ended is not known any more";
}

sluice::v1::Record WholeWithEvent() {
  sluice::v1::Record whole = WholeRecord(1, 1);
  whole.mutable_span()->add_events()->set_name("within");
  return whole;
}

TEST_F(OtlpSinkTest, AWholeSpanGoesOutOnceWithItsEvents) {
  Use();
  disk::v1::JournalBatch batch = Batch(5);
  *batch.add_records() = WholeWithEvent();
  Feed(batch);
  disk::v1::JournalBatch otlp = Batch(6);
  *otlp.add_scope_spans()->add_spans() = WholeWithEvent().span();
  Feed(otlp);
  EXPECT_EQ(sink_->pending_records(), 2u);
  const auto request = SentTraces();
  EXPECT_EQ(transport_->calls.size(), 1u) << "no logs";
  ASSERT_EQ(request.resource_spans_size(), 2);
  for (const auto& group : request.resource_spans()) {
    ASSERT_EQ(group.scope_spans(0).spans_size(), 1);
    EXPECT_EQ(group.scope_spans(0).spans(0).SerializeAsString(),
              WholeWithEvent().span().SerializeAsString());
  }
}

TEST_F(OtlpSinkTest, EventsOfAWholeSpanThatIsNotExportedGoOutByThemselves) {
  Use("warn");
  sluice::v1::Record whole = WholeWithEvent();
  auto* const level = whole.mutable_span()->mutable_events(0)->add_attributes();
  level->set_key("level");
  level->mutable_value()->set_string_value("ERROR");
  disk::v1::JournalBatch otlp = Batch(5);
  *otlp.add_scope_spans()->add_spans() = whole.span();
  Feed(otlp);
  const auto logs = SentLogs();
  ASSERT_EQ(logs.resource_logs_size(), 1);
  const v1::LogRecord& record = logs.resource_logs(0).scope_logs(0).log_records(0);
  EXPECT_EQ(record.body().string_value(), "within");
  EXPECT_EQ(record.severity_number(), v1::SEVERITY_NUMBER_ERROR);
  options_.settings.signals = {false, true, false};
  Use();
  Feed(5, {WholeWithEvent()});
  EXPECT_EQ(SentLogs().resource_logs_size(), 1) << "where no spans are exported";
}

TEST_F(OtlpSinkTest, ExportsOnlyTheSignalsThatAreWanted) {
  options_.settings.signals = {false, true, false};
  Use();
  Feed(5, {WholeRecord(1, 1), EventRecord("hello")});
  EXPECT_EQ(sink_->pending_records(), 1u);
  ASSERT_TRUE(sink_->Commit().ok());
  ASSERT_EQ(transport_->calls.size(), 1u);
  EXPECT_EQ(transport_->calls[0].signal, Signal::kLogs);
}

TEST_F(OtlpSinkTest, AReloadTriesASignalAgainThatWasNotTaken) {
  Use();
  transport_->script = [](const ScriptedTransport::Call& call) {
    return call.signal == Signal::kLogs ? AnswerOf(Answer::Kind::kUnsupported) : Answer();
  };
  Feed(5, {EventRecord("lost")});
  ASSERT_TRUE(sink_->Commit().ok());
  transport_->script = nullptr;
  Feed(5, {EventRecord("lost, too")});
  EXPECT_EQ(SentLogs().resource_logs_size(), 0);
  EXPECT_EQ(sink_->export_status()->signals[1].dropped["unsupported"], 2u);
  sink_->Reopen();
  Feed(5, {EventRecord("sent")});
  EXPECT_EQ(SentLogs().resource_logs_size(), 1);
}

TEST_F(OtlpSinkTest, KeepsWhatTheDestinationDidNotTake) {
  Use();
  Feed(5, {WholeRecord(1, 1)});
  transport_->script = [](const auto&) { return AnswerOf(Answer::Kind::kWait, "away"); };
  EXPECT_FALSE(sink_->Commit().ok());
  EXPECT_EQ(sink_->pending_records(), 1u);
  transport_->script = nullptr;
  EXPECT_EQ(SentTraces().resource_spans_size(), 1);
}

TEST_F(OtlpSinkTest, ACommitOfOneRecordBeyondTheBatchIsOneRequest) {
  options_.settings.batch_bytes = 128 * 1024;
  Use();
  uint8_t id = 0;
  while (sink_->pending_bytes() < sink_->policy().commit_bytes) {
    sluice::v1::Record whole = WholeRecord(1, ++id);
    testing::AddTextAttribute(&whole, "k", std::string(4000, 'v'));
    Feed(5, {whole});
  }
  ASSERT_TRUE(sink_->Commit().ok());
  EXPECT_EQ(transport_->calls.size(), 1u);
}

std::string TextOf(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST_F(OtlpSinkTest, WritesAFileOfJsonLines) {
  testing::TempDirectory directory;
  sinks::LogFileOptions file;
  file.path = directory.path() + "/otlp.jsonl";
  UseTransport(std::make_unique<FileTransport>(file));
  Feed(5, {EventRecord("hello")});
  ASSERT_TRUE(sink_->Commit().ok());
  Feed(5, {WholeRecord(1, 1)});
  ASSERT_TRUE(sink_->Commit().ok());
  EXPECT_TRUE(sink_->Sync().ok());
  const std::string text = TextOf(file.path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_THAT(text, ::testing::StartsWith(R"({"resourceLogs":[{"resource":{"attributes":[)"));
  EXPECT_THAT(text, ::testing::HasSubstr(R"("severityNumber":9,"body":{"stringValue":"hello"})"));
  EXPECT_THAT(text, ::testing::HasSubstr("\n{\"resourceSpans\":"));
  struct stat info {};
  ASSERT_EQ(::stat(file.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  EXPECT_EQ(sink_->destination(), "file://" + file.path);
}

TEST_F(OtlpSinkTest, MakesTheFolderOfItsFileAndWaitsForThoseAbove) {
  testing::TempDirectory directory;
  sinks::LogFileOptions file;
  file.path = directory.path() + "/later/made/otlp.jsonl";
  UseTransport(std::make_unique<FileTransport>(file));
  Feed(5, {EventRecord("hello")});
  EXPECT_THAT(std::string(sink_->Commit().message()),
              ::testing::HasSubstr("later/made/otlp.jsonl"));
  ASSERT_EQ(::mkdir((directory.path() + "/later").c_str(), 0700), 0);
  EXPECT_TRUE(sink_->Commit().ok());
  EXPECT_THAT(TextOf(file.path), ::testing::HasSubstr("hello"));
}

TEST_F(OtlpSinkTest, GoesOnWithinALineOfStdout) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto transport = std::make_unique<StdoutTransport>(ends[1]);
  StdoutTransport* const stdout_transport = transport.get();
  UseTransport(std::move(transport));
  sluice::v1::Record large = EventRecord(std::string(60'000, '~'));
  for (int i = 0; i < 4; ++i) Feed(5, {large});
  stdout_transport->Cancel();
  EXPECT_FALSE(sink_->Commit().ok()) << "a pipe holds 64 KiB";
  std::string text;
  char buffer[65536];
  const auto read_some = [&] {
    const ssize_t got = ::read(ends[0], buffer, sizeof(buffer));
    text.append(buffer, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  };
  int commits = 1;
  for (absl::Status status = absl::UnavailableError(""); !status.ok() && commits < 100; ++commits) {
    read_some();
    status = sink_->Commit();
  }
  ::close(ends[1]);
  for (size_t before = SIZE_MAX; before != text.size();) {
    before = text.size();
    read_some();
  }
  ::close(ends[0]);
  EXPECT_EQ(std::count(text.begin(), text.end(), '~'), 240'000);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_TRUE(text.ends_with("}\n"));
}

}  // namespace
}  // namespace sluice::otlp
