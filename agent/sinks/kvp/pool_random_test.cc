// The keeper under random sequences of everything that happens to it: entries, reports, restarts,
// other programs' appends and truncations, root's edits, failing system calls.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/kvp/edit_file.h"
#include "tests/support/kvp/keeper_harness.h"

namespace sluice::kvp {
namespace {

constexpr char kReport[] = "PROVISIONING_REPORT";

// One run, which its seed decides. Root edits in every other run; in the others calls fail.
class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : random_(seed), root_edits_(seed % 2 == 0) {
    keeper_.directory.Write(Foreign(960 + UpTo(40)));
  }

  void Step() {
    if (!root_edits_ && UpTo(8) == 0) {
      keeper_.syscalls.Fail(static_cast<Call>(UpTo(9)), EIO, 1 + static_cast<int>(UpTo(4)));
    }
    switch (UpTo(12)) {
      case 0:
        return (void)keeper_->Upsert(kReport, absl::StrCat("report ", ++reports_));
      case 1:
        return keeper_.directory.AppendBytes(Foreign(UpTo(3)));
      case 2:
        return keeper_.directory.AppendBytes(RawRecord(kReport, "theirs"));
      case 3:
        return keeper_.Start();
      case 4:
        return Truncate();
      case 5:
        return root_edits_ ? Edit() : (void)keeper_->Reconcile();
      default:
        return Append();
    }
  }

  void ExpectOrderInTheEnd() {
    keeper_.syscalls.Heal();
    ASSERT_TRUE(keeper_->Append(pending_).ok());
    ASSERT_TRUE(keeper_->Upsert(kReport, "last").ok());
    ASSERT_TRUE(keeper_->Append({Entry("last", Level::kError)}).ok());
    std::map<std::string, int> ours;
    const std::vector<std::string> texts = keeper_.texts();
    for (const std::string& text : texts) {
      if (text.starts_with("sluice|")) ++ours[text];
    }
    for (const auto& [text, count] : ours) EXPECT_EQ(count, 1) << text;
    EXPECT_EQ(std::count(texts.begin(), texts.end(), absl::StrCat(kReport, "=last")),
              static_cast<ptrdiff_t>(keeper_.Count(kReport)));
    EXPECT_EQ(keeper_.Count("sluice|last"), 1u);
    EXPECT_GE(keeper_.Count(kReport), 1u);
    const PoolKeeper::Usage usage = keeper_->usage();
    EXPECT_EQ(usage.own + usage.foreign, texts.size());
    EXPECT_LE(usage.own, ours.size() + 1) << "and the report";
  }

 private:
  size_t UpTo(size_t count) { return random_() % count; }

  void Append() {
    for (size_t i = 1 + UpTo(30); i > 0; --i) {
      const size_t chunks = UpTo(5) == 0 ? 1 + UpTo(6) : 1;
      const uid_t uid = UpTo(2) == 0 ? 0 : 1000 + static_cast<uid_t>(UpTo(5));
      pending_.push_back(
          Entry(absl::StrCat(++entries_), static_cast<Level>(1 + UpTo(4)), uid, chunks));
    }
    if (keeper_->Append(pending_).ok()) pending_.clear();
  }

  void Truncate() {
    const std::string bytes = keeper_.directory.Bytes();
    keeper_.directory.Write(bytes.substr(0, UpTo(bytes.size() / kRecordBytes + 1) * kRecordBytes));
  }

  void Edit() {
    const std::string some_entry = absl::StrCat("sluice|", UpTo(entries_ + 1));
    const PoolEdit edits[] = {
        {.kind = PoolEdit::Kind::kRemove, .keys = {some_entry, "CLOUD_INIT|3", kReport}},
        {.kind = PoolEdit::Kind::kUpsert, .records = {{"root's", "v"}}},
        {.kind = PoolEdit::Kind::kAppend, .records = {{"root's", "v"}}},
        {.kind = PoolEdit::Kind::kClear},
    };
    const PoolEdit& edit = edits[UpTo(std::size(edits))];
    // More than 1024 keys are refused.
    if (UpTo(2) == 0) {
      const PoolResult<size_t> done = EditPoolFile({.path = keeper_.directory.pool()}, edit);
      EXPECT_TRUE(done.ok() || done.error().code == EINVAL) << done.error().message;
    } else {
      const absl::Status status = keeper_->Edit(edit).status();
      EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    }
  }

  std::mt19937 random_;
  const bool root_edits_;
  KeeperHarness keeper_;
  // What the keeper has not taken yet.
  std::vector<PoolEntry> pending_;
  size_t entries_ = 0;
  size_t reports_ = 0;
};

TEST(PoolRandomTest, NothingIsDoubledOrMiscounted) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    RandomRun run(seed);
    for (int step = 0; step < 40; ++step) run.Step();
    run.ExpectOrderInTheEnd();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::kvp
