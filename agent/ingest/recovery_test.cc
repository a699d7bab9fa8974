// What a restarted agent says of a client's batch holds, also where the disk had failed before.
#include "agent/ingest/recovery.h"

#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/records.h"
#include "tests/support/sick_disk.h"

namespace sluice::ingest {
namespace {

using testing::EncodeBatch;
using testing::EventRecord;
using testing::MakeId;

// One agent's journal and admission on `disk`.
struct AgentRun {
  explicit AgentRun(SickDisk* disk) {
    journal::Options options;
    options.directory = SickDisk::kPath;
    options.memory_directory = "/memory";
    options.retry_delay = std::chrono::milliseconds(2);
    options.boot_id = "boot";
    options.file_system = disk;
    Recovery recovery(&state, "boot");
    auto opened = journal::Journal::Open(options, &recovery);
    EXPECT_TRUE(opened.ok()) << opened.status();
    journal = *std::move(opened);
    journal->Start([this] { return EncodeCheckpoint(state, "boot"); }, [](uint64_t) {});
    admission = std::make_unique<Admission>(&state, journal.get(), &Clock::System(), &counters);
  }

  // The batch of one event of the same client, under its number 1.
  Admitted Send() {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = 5;
    const Sender sender{std::move(origin), MakeId<ClientId>(1)};
    const auto admitted =
        admission->Admit(sender, EncodeBatch(1, {EventRecord("event")}), journal::Urgency::kNow);
    EXPECT_TRUE(admitted.ok()) << admitted.status();
    journal->CommitTurn();
    return *admitted;
  }
  // Whether it may be acknowledged.
  bool IsDurable(const Admitted& admitted) const {
    return journal->synced_sequence() >= admitted.journal_sequence;
  }
  int Events() {
    int events = 0;
    const auto reader = journal->OpenReader("");
    reader->Restore(0);
    while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
      for (journal::RecordCursor records = entry->batch.records(); records.Next();) ++events;
    }
    return events;
  }

  Counters counters;
  AdmissionState state;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<Admission> admission;
};

TEST(RecoveryTest, ABatchThatIsAcknowledgedAfterTheDiskFailedIsThereAfterItsRepair) {
  SickDisk disk;
  AgentRun first(&disk);
  disk.SetHealth(SickDisk::Health::kSyncFails);
  const Admitted written = first.Send();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (first.journal->GetUsage().error.empty()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::yield();
  }
  ASSERT_FALSE(first.IsDurable(written));

  SickDisk after_kill;
  after_kill.TakeOver(disk);
  after_kill.SetHealth(SickDisk::Health::kReadOnly);
  AgentRun second(&after_kill);
  ASSERT_EQ(second.journal->durability(), journal::Durability::kMemory);
  const Admitted again = second.Send();
  EXPECT_EQ(again.accepted, 1u);
  EXPECT_TRUE(second.IsDurable(again)) << "as far as memory goes";

  after_kill.Remount(SickDisk::kPath);
  after_kill.SetHealth(SickDisk::Health::kWell);
  ASSERT_TRUE(second.journal->MoveToDisk().ok());
  EXPECT_EQ(second.Events(), 1);
  SickDisk after_power_cut(after_kill.StateAfterPowerCut(
      [](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; }));
  EXPECT_EQ(AgentRun(&after_power_cut).Events(), 1);
}

}  // namespace
}  // namespace sluice::ingest
