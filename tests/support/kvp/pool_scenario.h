// What a keeper and others do to one pool, every kind of write among it, to be disturbed at any
// call.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/kvp/keeper_harness.h"

namespace sluice::kvp {

inline constexpr size_t kForeign = 936;  // leaves 64 records for us

inline constexpr const char* kMovedKey = "moved";

// What others have written before we come: with a record that one of them left empty.
inline std::string Before() {
  return Foreign(kForeign) + RawRecord("", "") + RawRecord("foreign", "behind a hole");
}

using Step = std::function<absl::Status(KeeperHarness&)>;

inline absl::Status Acted() { return absl::OkStatus(); }

inline absl::Status Edit(KeeperHarness& keeper, const PoolEdit& edit) {
  return keeper->Edit(edit, absl::UnixEpoch()).status();
}

// What the agent does, and what others do in between; every kind of write occurs.
inline std::vector<Step> Scenario() {
  return {
      [](KeeperHarness& keeper) {
        return keeper->Append({Entry("a"), Entry("b", Level::kError, 0, 2)});
      },
      [](KeeperHarness& keeper) { return keeper->Upsert("PROVISIONING_REPORT", "in progress"); },
      [](KeeperHarness& keeper) {
        keeper.directory.AppendBytes("torn");
        return Acted();
      },
      [](KeeperHarness& keeper) { return keeper->Append(Entries("info", 60)); },
      [](KeeperHarness& keeper) { return keeper->Append(Entries("more", 3)); },
      [](KeeperHarness& keeper) { return keeper->Append({Entry("long", Level::kInfo, 0, 2)}); },
      [](KeeperHarness& keeper) { return keeper->Upsert("PROVISIONING_REPORT", "success"); },
      [](KeeperHarness& keeper) { return keeper->Sync(); },
      [](KeeperHarness& keeper) {
        keeper.directory.AppendBytes(RawRecord("PROVISIONING_REPORT", "another's"));
        keeper.directory.AppendBytes(RawRecord("PROVISIONING_REPORT", "and one more"));
        return Acted();
      },
      [](KeeperHarness& keeper) { return keeper->Upsert("PROVISIONING_REPORT", "last word"); },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kUpsert, .records = {{"edited", "by root"}}});
      },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kUpsert, .records = {{"removed", "later"}}});
      },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kUpsert, .records = {{"edited", "again"}}});
      },
      [](KeeperHarness& keeper) {
        keeper.directory.AppendBytes(RawRecord(kMovedKey, "to where a removed one was"));
        return Acted();
      },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kRemove, .keys = {"removed"}});
      },
      [](KeeperHarness& keeper) {
        keeper.directory.Write(Before() +
                               keeper.directory.Bytes().substr((kForeign + 3) * kRecordBytes));
        return Acted();
      },
      [](KeeperHarness& keeper) { return keeper->Append({Entry("last", Level::kError)}); },
      [](KeeperHarness& keeper) { return keeper->Sync(); },
  };
}

// Runs the scenario; each step that fails is repeated once the fault is over. Returns the errors.
inline std::vector<std::string> Play(KeeperHarness& keeper) {
  std::vector<std::string> errors;
  keeper.directory.Write(Before());
  for (const Step& step : Scenario()) {
    absl::Status status = step(keeper);
    for (int i = 0; !status.ok() && i < 5; ++i) {
      errors.emplace_back(status.message());
      status = step(keeper);
    }
    EXPECT_TRUE(status.ok()) << status;
  }
  return errors;
}

inline std::vector<std::string> SortedOwn(const KeeperHarness& keeper) {
  std::vector<std::string> texts = keeper.texts();
  EXPECT_EQ(keeper.directory.Bytes().size() % kRecordBytes, 0u);
  EXPECT_EQ(keeper.directory.Bytes().substr(0, kForeign * kRecordBytes), Foreign(kForeign));
  texts.erase(texts.begin(), texts.begin() + kForeign);
  std::sort(texts.begin(), texts.end());
  return texts;
}

// What only one of them holds.
inline std::vector<std::string> Difference(const std::vector<std::string>& a,
                                           const std::vector<std::string>& b) {
  std::vector<std::string> difference;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::back_inserter(difference));
  return difference;
}

}  // namespace sluice::kvp
