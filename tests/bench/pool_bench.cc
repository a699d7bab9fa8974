// Writing events into the KVP pool, batches of 1 and 100, and how long the locks are held: our
// keeper beside azure-init's way (flock, one write a message, unlock), in one run on one disk.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/sinks/kvp/pool_keeper.h"
#include "proto/kvp/slot.h"
#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {
namespace {

// A pool is emptied when it has as many records; what follows is measured in a used one.
constexpr size_t kPoolRecords = 800;

std::string EventRecord(uint64_t number) {
  std::string record;
  AppendRecords(
      absl::StrCat("sluice-0.1.0|00000000-0000-0000-0000-000000000001|INFO|bench:event|", number),
      "Time: 2025-11-13T17:52:10.123Z | Event: message=Provisioning started", Profile::kSafe,
      &record);
  return record;
}

void Report(benchmark::State& state, const HoldTimes& holds) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["hold_p50_us"] = static_cast<double>(holds.QuantileNano(0.5)) / 1e3;
  state.counters["hold_p99_us"] = static_cast<double>(holds.QuantileNano(0.99)) / 1e3;
  state.counters["hold_max_us"] = static_cast<double>(holds.max_nano()) / 1e3;
}

std::unique_ptr<PoolKeeper> NewKeeper(const PoolDirectory& directory, PoolFile* pool) {
  return *PoolKeeper::Open(
      pool, {.shadow_path = directory.file("shadow"), .boot_id = "bench", .summary_key = ""});
}

// As at the beginning, but for the times that the locks were held: emptying a pool is no batch.
std::unique_ptr<PoolKeeper> BeginAnew(const PoolDirectory& directory, PoolFile* pool) {
  directory.Write("");
  std::filesystem::remove(directory.file("shadow"));
  return NewKeeper(directory, pool);
}

// `others`: somebody else appended since our last batch, so that our places are checked first.
void Keeper(benchmark::State& state, bool others) {
  const PoolDirectory directory(PoolDirectory::Where::kDisk);
  PoolFile pool({.path = directory.pool()});
  std::unique_ptr<PoolKeeper> keeper = NewKeeper(directory, &pool);
  uint64_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<PoolEntry> entries;
    for (int64_t i = 0; i < state.range(0); ++i) entries.push_back({EventRecord(++number)});
    const PoolKeeper::Usage usage = keeper->usage();
    if (usage.own + usage.foreign > kPoolRecords) keeper = BeginAnew(directory, &pool);
    if (others) directory.AppendBytes(RawRecord("CLOUD_INIT|1", "theirs"));
    state.ResumeTiming();
    const absl::Status status = keeper->Append(entries);
    if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
  }
  Report(state, pool.lock_hold_times());
}

void BM_Keeper(benchmark::State& state) { Keeper(state, /*others=*/false); }
BENCHMARK(BM_Keeper)->Arg(1)->Arg(100);

void BM_KeeperBesideOthers(benchmark::State& state) { Keeper(state, /*others=*/true); }
BENCHMARK(BM_KeeperBesideOthers)->Arg(1)->Arg(100);

void BM_AzureInitsWay(benchmark::State& state) {
  const PoolDirectory directory(PoolDirectory::Where::kDisk);
  const int fd = ::open(directory.pool().c_str(), O_WRONLY | O_APPEND | O_CREAT, 0644);
  HoldTimes holds;
  uint64_t number = 0;
  size_t records = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<std::string> messages;
    for (int64_t i = 0; i < state.range(0); ++i) messages.push_back(EventRecord(++number));
    if ((records += messages.size()) > kPoolRecords) records = ::ftruncate(fd, 0) == 0 ? 0 : 1;
    state.ResumeTiming();
    ::flock(fd, LOCK_EX);
    const auto locked = std::chrono::steady_clock::now();
    for (const std::string& message : messages) {
      if (::write(fd, message.data(), message.size()) < 0) state.SkipWithError("write");
    }
    ::flock(fd, LOCK_UN);
    holds.Add(static_cast<uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now() - locked).count()));
  }
  ::close(fd);
  Report(state, holds);
}
BENCHMARK(BM_AzureInitsWay)->Arg(1)->Arg(100);

}  // namespace
}  // namespace sluice::kvp

BENCHMARK_MAIN();
