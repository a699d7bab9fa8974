// A journal for tests of what reads it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/journal/journal.h"
#include "agent/self/counters.h"
#include "gtest/gtest.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::testing {

// Started, with its files below `directory`. `counters` and `fs` outlive it.
inline std::unique_ptr<journal::Journal> StartJournal(
    const std::string& directory, Counters* counters, FileSystem* fs = &FileSystem::System(),
    journal::Journal::SyncListener on_synced = [](uint64_t) {}) {
  struct NothingToRecover final : journal::RecoveryVisitor {
    void OnCheckpoint(std::string_view) override {}
    void OnEntry(const journal::Entry&) override {}
  } recovery;
  journal::Options options;
  options.directory = directory + "/journal";
  options.cursor_path = directory + "/cursors";
  options.boot_id = "boot";
  options.counters = counters;
  options.file_system = fs;
  auto journal = *journal::Journal::Open(options, &recovery);
  journal->Start([] { return std::string(); }, std::move(on_synced));
  return journal;
}

// As one entry of `uid`, received in this boot.
inline void AppendBatch(journal::Journal* journal, uid_t uid,
                        const std::vector<v1::Record>& records, uint64_t received_unix_nano = 0) {
  journal::BatchHead head;
  head.uid = uid;
  head.received_unix_nano = received_unix_nano;
  head.received_boottime_nano = 1;
  std::string payload;
  journal::AppendBatchHead(head, &payload);
  v1::Batch batch;
  for (const v1::Record& record : records) *batch.add_records() = record;
  payload += batch.SerializeAsString();
  ASSERT_TRUE(journal->Append(uid, {payload}, journal::Urgency::kGrouped).ok());
  journal->CommitTurn();
}

}  // namespace sluice::testing
