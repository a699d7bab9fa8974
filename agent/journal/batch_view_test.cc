#include "agent/journal/batch_view.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/disk/v1/journal.pb.h"

namespace sluice::journal {
namespace {

BatchHead FullHead() {
  BatchHead head;
  head.pid = -1;
  head.uid = 4'000'000'000;
  head.gid = 3;
  head.start_time_ticks = 4;
  head.unit = "a.service";
  head.comm = "a";
  head.pod = "6f2a8e1c";
  head.received_unix_nano = 5;
  head.received_boottime_nano = 6;
  head.client_id = "0123456789abcdef";
  head.first_sequence = 7;
  head.sent_records = 8;
  head.resource = "";
  head.resource_schema_url = "https://schema";
  head.resource_rest = "rest";
  head.synthetic = true;
  head.sender_is_host_root = true;
  head.owner = {9, 10, 11};
  return head;
}

TEST(BatchViewTest, WritesWhatProtobufReads) {
  std::string encoded;
  AppendBatchHead(FullHead(), &encoded);
  disk::v1::JournalBatch batch;
  ASSERT_TRUE(batch.ParseFromString(encoded));
  EXPECT_EQ(batch.identity().pid(), -1);
  EXPECT_EQ(batch.identity().uid(), 4'000'000'000u);
  EXPECT_EQ(batch.identity().gid(), 3u);
  EXPECT_EQ(batch.identity().start_time_ticks(), 4u);
  EXPECT_EQ(batch.identity().unit(), "a.service");
  EXPECT_EQ(batch.identity().comm(), "a");
  EXPECT_EQ(batch.identity().pod(), "6f2a8e1c");
  EXPECT_EQ(batch.received_unix_nano(), 5u);
  EXPECT_EQ(batch.received_boottime_nano(), 6u);
  EXPECT_EQ(batch.client_id(), "0123456789abcdef");
  EXPECT_EQ(batch.first_sequence(), 7u);
  EXPECT_EQ(batch.sent_records(), 8u);
  EXPECT_EQ(batch.resource_schema_url(), "https://schema");
  EXPECT_EQ(batch.resource_rest(), "rest");
  EXPECT_TRUE(batch.synthetic());
  EXPECT_TRUE(batch.sender_is_host_root());
  EXPECT_EQ(batch.owner().pid(), 9);
  EXPECT_EQ(batch.owner().start_time_ticks(), 10u);
  EXPECT_EQ(batch.owner().end_boottime_nano(), 11u);
}

TEST(BatchViewTest, ReadsWhatProtobufWrites) {
  disk::v1::JournalBatch batch;
  batch.mutable_identity()->set_pid(42);
  batch.mutable_identity()->set_uid(1000);
  batch.mutable_resource()->set_dropped_attributes_count(1);
  batch.set_resource_schema_url("https://schema");
  batch.set_resource_rest("rest");
  for (const char* target : {"a", "b"}) batch.add_records()->set_target(target);
  batch.set_synthetic(true);
  batch.set_sender_is_host_root(true);
  const std::string encoded = batch.SerializeAsString();
  const auto view = ReadBatch(encoded);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->pid, 42);
  EXPECT_EQ(view->uid, 1000u);
  EXPECT_EQ(view->resource, batch.resource().SerializeAsString());
  EXPECT_EQ(view->resource_schema_url, "https://schema");
  EXPECT_EQ(view->resource_rest, "rest");
  EXPECT_TRUE(view->synthetic);
  EXPECT_TRUE(view->sender_is_host_root);
  std::vector<std::string> records;
  for (RecordCursor cursor = view->records(); cursor.Next();) {
    records.emplace_back(cursor.encoded());
  }
  EXPECT_THAT(records, ::testing::ElementsAre(batch.records(0).SerializeAsString(),
                                              batch.records(1).SerializeAsString()));
}

TEST(BatchViewTest, RefusesWhatIsCutShort) {
  std::string encoded;
  AppendBatchHead(FullHead(), &encoded);
  for (size_t size = 1; size < encoded.size(); ++size) {
    const std::string_view head = std::string_view(encoded).substr(0, size);
    disk::v1::JournalBatch batch;
    EXPECT_EQ(ReadBatch(head).has_value(), batch.ParseFromString(std::string(head))) << size;
  }
}

}  // namespace
}  // namespace sluice::journal
