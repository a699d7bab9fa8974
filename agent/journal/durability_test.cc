// "Known" is never said without "durable": whatever fails, restarts and is repaired, in whatever
// order, an entry that an agent counts as journalled is there in the end.
#include <filesystem>
#include <random>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/journal_disk.h"
#include "tests/support/sick_disk.h"
#include "tests/support/temp_directory.h"

namespace sluice::journal {
namespace {

constexpr char kDisk[] = "/journal";
constexpr char kMemory[] = "/memory";  // where SickDisk is never sick

// Runs a machine by a script of one letter a step, and keeps what its agents told their clients.
class Machine {
 public:
  explicit Machine(unsigned seed) : random_(seed) { Start(); }

  // w: an urgent entry. u: one that may wait for its sync. f: the disk's syncs fail. o: it can only
  // be read. h: it is well again, and, where the agent is in memory, it was mounted anew and the
  // agent moves there. r: the agent is killed and another starts. p: the power is cut, the disk is
  // well afterwards. q: the power is cut, some of what was not synced is there all the same, and
  // the disk can only be read.
  void Step(char step) {
    switch (step) {
      case 'w':
        return Write();
      case 'u':
        return WriteUnsynced();
      case 'f':
        return disk_->SetHealth(SickDisk::Health::kSyncFails);
      case 'o':
        return disk_->SetHealth(SickDisk::Health::kReadOnly);
      case 'h':
        return Heal();
      case 'r':
        return Restart();
      case 'p':
        return CutPower([](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; },
                        SickDisk::Health::kWell);
      case 'q':
        return CutPower(
            [this](uint64_t, uint64_t*) {
              return random_() % 2 == 0 ? CrashFileSystem::Fate::kLost
                                        : CrashFileSystem::Fate::kKept;
            },
            SickDisk::Health::kReadOnly);
    }
  }

  // What a client was told is in the journal has to be there, and under each number what was last
  // written under it.
  void Check() {
    const Words found = ReadAll(&run_->journal());
    for (const auto& [sequence, word] : promised_) {
      const auto entry = found.find(sequence);
      ASSERT_NE(entry, found.end()) << "lost " << sequence << " " << word;
      ASSERT_EQ(entry->second, word);
    }
    for (const auto& [sequence, word] : found) ASSERT_EQ(word, latest_[sequence]) << sequence;
  }

 private:
  void Start() {
    Options options = JournalRun::TestOptions(disk_.get(), kDisk);
    options.memory_directory = kMemory;
    options.segment_bytes = 500;
    options.group_delay = std::chrono::hours(1);
    run_ = std::make_unique<JournalRun>(options);
    ASSERT_TRUE(run_->is_open()) << run_->status();
    // Its client sends everything again, and what is counted as journalled is acknowledged.
    for (const auto& [sequence, word] : run_->recovered().words()) {
      if (sequence <= run_->journal().synced_sequence()) Promise(sequence, word);
    }
  }

  void Write() {
    const uint64_t sequence = run_->Write("w" + std::to_string(++written_), Urgency::kNow);
    if (sequence == 0) return;
    latest_[sequence] = "w" + std::to_string(written_);
    const auto deadline = TestDeadline();
    while (run_->journal().synced_sequence() < sequence &&
           run_->journal().GetUsage().error.empty()) {
      ASSERT_LT(Now(), deadline);
      std::this_thread::yield();
    }
    for (const auto& [known, word] : run_->Acknowledged()) Promise(known, word);
  }

  void WriteUnsynced() {
    const std::string word = "u" + std::to_string(++written_) + std::string(200, '.');
    if (const uint64_t sequence = run_->Write(word)) latest_[sequence] = word;
  }

  void Promise(uint64_t sequence, const std::string& word) {
    promised_[sequence] = word;
    if (run_->journal().durability() == Durability::kSynced) on_disk_[sequence] = word;
  }

  void Heal() {
    const bool in_memory = run_->journal().durability() == Durability::kMemory;
    if (in_memory) disk_->Remount(kDisk);
    disk_->SetHealth(SickDisk::Health::kWell);
    if (!in_memory) return;
    const absl::Status moved = run_->journal().MoveToDisk();
    ASSERT_TRUE(moved.ok()) << moved;
    on_disk_ = promised_;
  }

  void Restart() {
    auto next = std::make_unique<SickDisk>();
    next->SetHealth(disk_->health());
    next->TakeOver(*disk_);
    Replace(std::move(next));
  }

  void CutPower(const CrashFileSystem::ChooseFate& choose, SickDisk::Health health) {
    DiskState left = disk_->StateAfterPowerCut(choose);
    std::erase_if(left, [](const auto& file) { return file.first.starts_with(kMemory); });
    promised_ = on_disk_;
    auto next = std::make_unique<SickDisk>(left);
    next->SetHealth(health);
    Replace(std::move(next));
  }

  void Replace(std::unique_ptr<SickDisk> disk) {
    disk.swap(disk_);
    std::unique_ptr<JournalRun> killed = std::move(run_);
    Start();
    // Nobody sees what the old one does at its end.
    killed.reset();
  }

  std::unique_ptr<SickDisk> disk_ = std::make_unique<SickDisk>();
  std::unique_ptr<JournalRun> run_;
  std::mt19937 random_;
  int written_ = 0;
  Words latest_;  // of all that were written
  Words promised_;
  Words on_disk_;  // the part of it that outlives a power cut
};

void RunScript(const std::string& script, unsigned seed = 1) {
  SCOPED_TRACE(script);
  Machine machine(seed);
  for (const char step : script) {
    machine.Step(step);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_NO_FATAL_FAILURE(machine.Check());
  }
}

TEST(DurabilityTest, WhatAnAgentInMemoryCountsAsJournalledOutlivesTheRepair) {
  RunScript("wfworhp");
}

TEST(DurabilityTest, WhatAnAgentOnDiskCountsAsJournalledOutlivesAPowerCut) {
  RunScript("wfwhrp");
  RunScript("wfwrhp");
}

// What one power cut leaves behind a gap is given up, and stays on a disk that can only be read.
TEST(DurabilityTest, WhatWasGivenUpOnDiskDoesNotComeBackBehindWhatFollowed) {
  for (int tries = 0; tries < 40; ++tries) {
    const std::string many(static_cast<size_t>(2 + tries % 10), 'u');
    ASSERT_NO_FATAL_FAILURE(RunScript("ww" + many + "qwuuwwwwhwrp", tries));
    ASSERT_NO_FATAL_FAILURE(RunScript("ww" + many + "qwwuuwrwwhwrp", tries));
    ASSERT_NO_FATAL_FAILURE(RunScript("ww" + many + "quuwrhwrp", tries));
  }
}

TEST(DurabilityTest, EveryOrderOfFailureRestartAndRepair) {
  const std::string steps = "wforhp";
  int limit = 1;
  for (int length = 0; length < 4; ++length) limit *= static_cast<int>(steps.size());
  for (int number = 0; number < limit; ++number) {
    std::string script = "w";
    for (int rest = number, i = 0; i < 4; ++i, rest /= 6) script += steps[rest % 6];
    ASSERT_NO_FATAL_FAILURE(RunScript(script + "hp"));
  }
}

class RemovedSegmentTest : public ::testing::Test {
 protected:
  RemovedSegmentTest() {
    options_ = JournalRun::TestOptions(&FileSystem::System(), directory_.path() + "/journal");
    run_ = std::make_unique<JournalRun>(options_);
    run_->Write("before", Urgency::kNow);
    EXPECT_TRUE(run_->WaitForSync(1));
  }
  // What another agent would find.
  Words Left() {
    run_.reset();
    JournalRun next(options_);
    return ReadAll(&next.journal());
  }

  sluice::testing::TempDirectory directory_;
  Options options_;
  std::unique_ptr<JournalRun> run_;
};

TEST_F(RemovedSegmentTest, WhatIsAcknowledgedAfterwardsIsInAnother) {
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
    if (entry.path().extension() == ".seg") std::filesystem::remove(entry.path());
  }
  const uint64_t sequence = run_->Write("after", Urgency::kNow);
  ASSERT_TRUE(run_->WaitForSync(sequence));
  EXPECT_EQ(Left()[sequence], "after");
}

TEST_F(RemovedSegmentTest, NothingIsAcknowledgedWhileTheDirectoryIsAway) {
  const std::string away = options_.directory + ".away";
  std::filesystem::rename(options_.directory, away);
  const uint64_t sequence = run_->Write("after", Urgency::kNow);
  const auto deadline = TestDeadline();
  while (run_->Write("later", Urgency::kNow) != 0) {
    ASSERT_LT(Now(), deadline);
    std::this_thread::yield();
  }
  EXPECT_FALSE(run_->Acknowledged().contains(sequence));
  std::filesystem::create_directory(options_.directory);
  ASSERT_TRUE(run_->WaitForSync(sequence));
  EXPECT_EQ(Left()[sequence], "after");
}

TEST(DurabilityTest, LongRandomOrders) {
  std::mt19937 random(1);
  for (int i = 0; i < 150; ++i) {
    std::string script;
    for (int length = 0; length < 14; ++length) script += "wwwuuforhpq"[random() % 11];
    ASSERT_NO_FATAL_FAILURE(RunScript(script + "hp", static_cast<unsigned>(i)));
  }
}

}  // namespace
}  // namespace sluice::journal
