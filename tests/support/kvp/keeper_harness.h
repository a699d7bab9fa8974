// A keeper over a pool of its own, to be killed and started again, beside other programs' doings.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/sinks/kvp/pool_keeper.h"
#include "tests/support/kvp/faulty_syscalls.h"
#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {

inline PoolEntry Entry(const std::string& key, Level level = Level::kInfo, uid_t uid = 0,
                       size_t chunks = 1) {
  PoolEntry entry{.records = {}, .level = level, .uid = uid};
  for (size_t i = 0; i < chunks; ++i) {
    entry.records += RawRecord("sluice|" + key, absl::StrCat("text ", i));
  }
  return entry;
}

// `name`0, `name`1, ...
inline std::vector<PoolEntry> Entries(const std::string& name, size_t count,
                                      Level level = Level::kInfo, uid_t uid = 0) {
  std::vector<PoolEntry> entries;
  for (size_t i = 0; i < count; ++i) entries.push_back(Entry(absl::StrCat(name, i), level, uid));
  return entries;
}

inline std::string Foreign(size_t count) {
  std::string records;
  for (size_t i = 0; i < count; ++i) records += RawRecord(absl::StrCat("CLOUD_INIT|", i), "theirs");
  return records;
}

class KeeperHarness {
 public:
  KeeperHarness() : own_directory_(std::make_unique<PoolDirectory>()), directory(*own_directory_) {
    Start();
  }
  // In a directory of another, with other system calls.
  KeeperHarness(const PoolDirectory& shared, PoolSyscalls* calls)
      : calls_(calls), directory(shared) {
    Start();
  }

  // As after a kill: nothing of the old keeper is asked.
  void Start() {
    keeper_.reset();
    pool_ =
        std::make_unique<PoolFile>(PoolFile::Options{.path = directory.pool(), .syscalls = calls_});
    absl::StatusOr<std::unique_ptr<PoolKeeper>> keeper = PoolKeeper::Open(
        pool_.get(), {.shadow_path = directory.file("shadow"),
                      .boot_id = boot_id,
                      .summary_key = summary_key,
                      .format_summary =
                          [](const GivenUp& given_up) {
                            return absl::StrCat("dropped=", given_up.dropped,
                                                " overwritten=", given_up.overwritten,
                                                " trimmed=", given_up.trimmed);
                          },
                      .counters = &counters});
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keeper_ = *std::move(keeper);
  }

  void LoseShadow() {
    keeper_.reset();
    std::filesystem::remove(directory.file("shadow"));
    Start();
  }

  PoolKeeper* operator->() { return keeper_.get(); }
  PoolFile& pool() { return *pool_; }
  std::vector<std::string> texts() const { return Texts(directory.Bytes()); }

  // How often `key` stands in the pool.
  size_t Count(const std::string& key) const {
    size_t count = 0;
    for (const std::string& text : texts()) count += text.starts_with(key + "=");
    return count;
  }

  FaultySyscalls syscalls;

 private:
  PoolSyscalls* calls_ = &syscalls;
  std::unique_ptr<PoolDirectory> own_directory_;

 public:
  const PoolDirectory& directory;
  Counters counters;
  // Count from the next Start().
  std::string boot_id = "6d1e0f6e-0000-4000-8000-000000000001";
  std::string summary_key = "sluice|summary";

 private:
  std::unique_ptr<PoolFile> pool_;
  std::unique_ptr<PoolKeeper> keeper_;
};

}  // namespace sluice::kvp
