// A sink that is fed journal entries, and what its destination was sent.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/sinks/otlp/otlp_sink.h"
#include "agent/stream/record_stream.h"
#include "gtest/gtest.h"
#include "sluice/disk/v1/journal.pb.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/otlp/scripted_transport.h"
#include "tests/support/records.h"

namespace sluice::otlp {

class OtlpSinkTest : public ::testing::Test {
 protected:
  OtlpSinkTest() {
    options_.name = "otlp";
    options_.host = {"host", "id-1", {}};
    options_.counters = &counters_;
    options_.clock = &clock_;
  }

  void Use(std::string_view filter = "info") {
    auto transport = std::make_unique<ScriptedTransport>();
    transport_ = transport.get();
    UseTransport(std::move(transport), filter);
  }
  void UseTransport(std::unique_ptr<Transport> transport, std::string_view filter = "info") {
    sink_ = std::make_unique<OtlpSink>(options_, std::move(transport));
    ASSERT_TRUE(sink_->Open().ok());
    stream_ = std::make_unique<stream::RecordStream>(
        filter::Filter::Parse(filter, {}).filter,
        [this](const stream::Delivery& delivery) { sink_->Add(delivery); }, nullptr,
        [this](const stream::WholeScope& scope) { return sink_->TakeScope(scope); });
    stream_->DeliverReplayed(sink_->rebuilds());
  }

  static disk::v1::JournalBatch Batch(uid_t uid, pid_t pid = 7) {
    disk::v1::JournalBatch batch;
    batch.mutable_identity()->set_uid(uid);
    batch.mutable_identity()->set_gid(uid + 1);
    batch.mutable_identity()->set_pid(pid);
    batch.mutable_identity()->set_comm("job");
    batch.set_received_boottime_nano(1);
    return batch;
  }
  void Feed(const disk::v1::JournalBatch& batch, bool replayed = false) {
    const std::string encoded = batch.SerializeAsString();
    journal::Entry entry;
    entry.sequence = ++sequence_;
    entry.uid = batch.identity().uid();
    entry.this_boot = true;
    entry.replayed = replayed;
    entry.batch = *journal::ReadBatch(encoded);
    stream_->Read(entry);
  }
  void Feed(uid_t uid, const std::vector<sluice::v1::Record>& records, pid_t pid = 7) {
    disk::v1::JournalBatch batch = Batch(uid, pid);
    for (const sluice::v1::Record& record : records) *batch.add_records() = record;
    Feed(batch);
  }

  // Commits, and returns what was sent of the signal.
  template <typename Request>
  Request Sent(Signal signal) {
    transport_->calls.clear();
    EXPECT_TRUE(sink_->Commit().ok());
    Request request;
    for (const auto& call : transport_->calls) {
      if (call.signal == signal) {
        EXPECT_TRUE(request.ParseFromString(call.request));
      }
    }
    return request;
  }
  v1::ExportTraceServiceRequest SentTraces() {
    return Sent<v1::ExportTraceServiceRequest>(Signal::kTraces);
  }
  v1::ExportLogsServiceRequest SentLogs() {
    return Sent<v1::ExportLogsServiceRequest>(Signal::kLogs);
  }

  v1::ExportMetricsServiceRequest SentMetrics() {
    return Sent<v1::ExportMetricsServiceRequest>(Signal::kMetrics);
  }

  FakeClock clock_;
  Counters counters_;
  OtlpSink::Options options_;
  ScriptedTransport* transport_ = nullptr;
  std::unique_ptr<OtlpSink> sink_;
  std::unique_ptr<stream::RecordStream> stream_;
  uint64_t sequence_ = 0;
};

inline std::map<std::string, std::string> AttributesOf(const v1::Resource& resource) {
  std::map<std::string, std::string> attributes;
  for (const auto& attribute : resource.attributes()) {
    const auto& value = attribute.value();
    attributes[attribute.key()] =
        value.has_int_value() ? std::to_string(value.int_value()) : value.string_value();
  }
  return attributes;
}

}  // namespace sluice::otlp
