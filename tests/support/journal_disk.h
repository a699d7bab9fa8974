// A journal of small segments on a disk that fails and heals, and what its files then hold.
#pragma once

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/retry_after.h"
#include "agent/journal/checkpoint.h"
#include "agent/journal/segment_reader.h"
#include "gtest/gtest.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {

inline Options ScriptOptions(FileSystem* fs) {
  Options options = JournalRun::TestOptions(fs, "/journal");
  options.segment_bytes = 1000;
  return options;
}

// The disk is well again: waits until it takes an entry, and what was appended is acknowledged.
inline void WaitForHealing(JournalRun* run) {
  const auto deadline = TestDeadline();
  while (run->Write("healed", Urgency::kNow) == 0) {
    ASSERT_TRUE(absl::IsUnavailable(run->last_refusal())) << run->last_refusal();
    ASSERT_TRUE(RetryAfter(run->last_refusal()).has_value());
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << run->last_refusal();
    std::this_thread::yield();
  }
  ASSERT_TRUE(run->WaitForSync(run->appended().rbegin()->first));
}

// What a file takes, by user where it is entries.
inline SegmentUsage UsageOf(FileSystem* fs, const std::string& path) {
  SegmentUsage usage;
  const auto file = SegmentReader::Open(*fs, path, Epoch());
  EXPECT_TRUE(file.ok()) << file.status();
  usage.bytes = *(*file)->FileBytes();
  while (const std::optional<Frame> frame = (*file)->Read(usage.bytes)) {
    if (frame->header.type != EntryType::kBatch) continue;
    usage.bytes_by_uid[frame->header.uid] += frame->header.frame_bytes();
  }
  return usage;
}

inline JournalCheckpoint FirstCheckpoint(FileSystem* fs, const std::string& path) {
  const auto file = SegmentReader::Open(*fs, path, Epoch());
  EXPECT_TRUE(file.ok()) << file.status();
  return DecodeCheckpoint((*file)->Payload(*(*file)->Read(UINT64_MAX)));
}

// What the journal writes down of its segments is what lies in the files. On a disk that is well.
inline void ExpectUsageIsWhatFilesHold(JournalRun* run, FileSystem* disk) {
  ASSERT_NO_FATAL_FAILURE(WaitForHealing(run));
  // Makes a new segment, whose checkpoint tells of all before.
  ASSERT_TRUE(run->WaitForSync(run->Write(std::string(1000, 'x'), Urgency::kNow)));
  std::vector<std::string> names;
  ASSERT_EQ(disk->List("/journal", &names), 0);
  std::sort(names.begin(), names.end());
  const JournalCheckpoint newest = FirstCheckpoint(disk, "/journal/" + names.back());
  EXPECT_EQ(newest.segments.size(), names.size() - 1);
  uint64_t total = UsageOf(disk, "/journal/" + names.back()).bytes;
  for (const auto& [first, believed] : newest.segments) {
    SCOPED_TRACE(first);
    const SegmentUsage held = UsageOf(disk, "/journal/" + SegmentName(first));
    EXPECT_EQ(believed.bytes, held.bytes);
    for (const auto& [uid, bytes] : believed.bytes_by_uid) {
      const auto found = held.bytes_by_uid.find(uid);
      EXPECT_EQ(bytes, found == held.bytes_by_uid.end() ? 0 : found->second) << "uid " << uid;
    }
    for (const auto& [uid, bytes] : held.bytes_by_uid) {
      EXPECT_EQ(believed.bytes_by_uid.count(uid), 1u) << "uid " << uid;
    }
    total += held.bytes;
  }
  EXPECT_EQ(run->journal().GetUsage().bytes, total);
}

// Until a sync that fails has been noticed.
// Writes as soon as the journal, whose disk is whole again, takes it.
inline uint64_t WriteOnceTaken(JournalRun* run, const std::string& word) {
  const auto deadline = TestDeadline();
  for (;;) {
    const uint64_t sequence = run->Write(word, Urgency::kNow);
    if (sequence != 0 || Now() > deadline) return sequence;
    std::this_thread::yield();
  }
}

inline void WaitForRefusal(JournalRun* run) {
  const auto deadline = TestDeadline();
  while (run->journal().GetUsage().error.empty()) {
    ASSERT_LT(Now(), deadline);
    std::this_thread::yield();
  }
}

}  // namespace sluice::journal
