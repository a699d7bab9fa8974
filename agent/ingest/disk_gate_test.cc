#include "agent/ingest/disk_gate.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/journal/journal.h"
#include "gtest/gtest.h"
#include "tests/support/temp_directory.h"

namespace sluice::ingest {
namespace {

class NoState final : public journal::RecoveryVisitor {
 public:
  void OnCheckpoint(std::string_view) override {}
  void OnEntry(const journal::Entry&) override {}
};

// Over a journal that syncs when it is told to.
class DiskGateTest : public ::testing::Test {
 protected:
  DiskGateTest() {
    journal::Options options;
    options.directory = directory_.path() + "/journal";
    options.group_delay = std::chrono::hours(1);
    options.group_bytes = uint64_t{1} << 30;
    NoState no_state;
    journal_ = *journal::Journal::Open(options, &no_state);
    journal_->Start([] { return std::string(); }, [](uint64_t) {});
    gate_ = std::make_unique<DiskGate>(journal_.get(), 100'000);
  }

  void Append(uid_t uid, size_t bytes) {
    const std::string payload(bytes, 'x');
    ASSERT_TRUE(
        journal_->Append(uid, {std::string_view(payload)}, journal::Urgency::kGrouped).ok());
  }
  // Appends by 1,000 bytes until the gate holds; how many thousand that took.
  int Fill(uid_t uid) {
    int thousands = 0;
    for (; !gate_->Holds(uid) && thousands < 1000; ++thousands) Append(uid, 1000);
    return thousands;
  }
  void Sync() {
    journal_->CommitTurn();
    journal_->SyncNow();
    while (journal_->synced_sequence() < journal_->last_sequence()) std::this_thread::yield();
  }

  testing::TempDirectory directory_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<DiskGate> gate_;
};

TEST_F(DiskGateTest, GivesOneUserHalfAndLeavesRoomForOthers) {
  EXPECT_NEAR(Fill(7), 50, 3);
  EXPECT_NEAR(Fill(8), 25, 3);
  EXPECT_NEAR(Fill(9), 12, 3);
  EXPECT_FALSE(gate_->Holds(10));
}

TEST_F(DiskGateTest, LetsGoWhatIsSynced) {
  Fill(7);
  EXPECT_TRUE(gate_->Holds(7));
  Sync();
  EXPECT_FALSE(gate_->Holds(7));
  EXPECT_NEAR(Fill(7), 50, 3);
}

TEST_F(DiskGateTest, HoldsRootForItsOwnPartAlone) {
  Fill(7);
  Fill(8);
  EXPECT_NEAR(Fill(0), 50, 3);
  EXPECT_TRUE(gate_->Holds(0));
  Sync();
  Fill(0);
  EXPECT_NEAR(Fill(7), 50, 3) << "users are not held for what root sent";
}

}  // namespace
}  // namespace sluice::ingest
