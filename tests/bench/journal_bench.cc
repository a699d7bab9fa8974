// What the journal costs the ingest thread and how fast the disk takes it: one entry a span, and
// batches of 512 spans of 264 bytes; recovery of a full journal. Runs on the disk of $TMPDIR or
// /tmp.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "agent/base/crc32c.h"
#include "agent/journal/field_numbers.h"
#include "agent/journal/journal.h"
#include "proto/wire/writer.h"

namespace sluice::journal {
namespace {

constexpr int64_t kSpanBytes = 264;
constexpr int64_t kBatchBytes = 512 * kSpanBytes;

class ScratchDirectory {
 public:
  ScratchDirectory() {
    const char* const base = ::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/sluice_bench_XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  std::string journal() const { return path_ + "/journal"; }

 private:
  std::string path_;
};

class NoVisitor : public RecoveryVisitor {
 public:
  void OnCheckpoint(std::string_view) override {}
  void OnEntry(const Entry&) override {}
};

Options BenchOptions(const ScratchDirectory& scratch) {
  Options options;
  options.directory = scratch.journal();
  options.boot_id = "boot";
  options.max_unsynced_bytes = 64 << 20;
  return options;
}

std::unique_ptr<Journal> OpenJournal(const Options& options) {
  NoVisitor visitor;
  auto journal = Journal::Open(options, &visitor);
  if (!journal.ok()) std::abort();
  return *std::move(journal);
}

void Start(Journal* journal) {
  journal->Start([] { return std::string(); }, [](uint64_t) {});
}

// A batch of `bytes` bytes of spans.
std::string PayloadOf(int64_t bytes) {
  std::string payload;
  AppendBatchHead({}, &payload);
  StringWireWriter writer{StringSink(&payload)};
  for (int64_t done = 0; done < bytes; done += kSpanBytes) {
    writer.Bytes(journal_batch_field::kRecords, std::string(kSpanBytes, 'x'));
  }
  return payload;
}

// Appends one entry, waiting for the disk where it is behind.
void AppendOne(Journal* journal, std::string_view payload, uid_t uid = 0) {
  while (!journal->Append(uid, {payload}, Urgency::kGrouped).ok()) {
    journal->CommitTurn();
    std::this_thread::yield();
  }
}

// Entries of range(0) bytes, range(1) of them a turn, synced in groups of 1 MiB.
void BM_AppendAndSync(benchmark::State& state) {
  const ScratchDirectory scratch;
  const auto journal = OpenJournal(BenchOptions(scratch));
  Start(journal.get());
  const std::string payload = PayloadOf(state.range(0));
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(1); ++i) AppendOne(journal.get(), payload);
    journal->CommitTurn();
  }
  while (journal->synced_sequence() < journal->last_sequence()) journal->SyncNow();
  state.SetItemsProcessed(state.iterations() * state.range(1));
  state.SetBytesProcessed(state.iterations() * state.range(1) * state.range(0));
}
BENCHMARK(BM_AppendAndSync)
    ->ArgNames({"bytes", "per_turn"})
    ->Args({kSpanBytes, 1})
    ->Args({kSpanBytes, 64})
    ->Args({kBatchBytes, 1})
    ->Args({kBatchBytes, 8})
    ->UseRealTime()
    ->MeasureProcessCPUTime();

// The same with a sink that follows at once, so that history goes as fast as it comes: one user
// alone, or range(0) users of whom each of the others writes one entry in a hundred.
void BM_KeepHistory(benchmark::State& state) {
  const ScratchDirectory scratch;
  const auto journal = OpenJournal(BenchOptions(scratch));
  Start(journal.get());
  const auto sink = journal->OpenReader("sink");
  const std::string payload = PayloadOf(kBatchBytes);
  uint64_t entries = 0;
  for (auto _ : state) {
    const uint64_t of_hundred = entries++ % 100;
    const uid_t uid = of_hundred + 1 < static_cast<uint64_t>(state.range(0))
                          ? 2000 + static_cast<uid_t>(of_hundred)
                          : 1000;
    AppendOne(journal.get(), payload, uid);
    journal->CommitTurn();
    sink->Commit(journal->synced_sequence());
  }
  state.SetBytesProcessed(state.iterations() * kBatchBytes);
}
BENCHMARK(BM_KeepHistory)
    ->ArgName("users")
    ->Arg(1)
    ->Arg(2)
    ->Arg(11)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

// From Append to the listener, with nothing else under way: one write and one fdatasync.
void BM_UrgentEntry(benchmark::State& state) {
  const ScratchDirectory scratch;
  const auto journal = OpenJournal(BenchOptions(scratch));
  std::atomic<uint64_t> synced{0};
  journal->Start([] { return std::string(); },
                 [&](uint64_t sequence) {
                   synced = sequence;
                   synced.notify_one();
                 });
  const std::string payload = PayloadOf(kSpanBytes);
  for (auto _ : state) {
    const uint64_t sequence = *journal->Append(0, {std::string_view(payload)}, Urgency::kNow);
    journal->CommitTurn();
    for (uint64_t seen = synced; seen < sequence; seen = synced) synced.wait(seen);
  }
}
BENCHMARK(BM_UrgentEntry)->UseRealTime();

// A reader that is behind, out of the page cache.
void BM_Read(benchmark::State& state) {
  const ScratchDirectory scratch;
  const auto journal = OpenJournal(BenchOptions(scratch));
  Start(journal.get());
  const std::string payload = PayloadOf(state.range(0));
  const int64_t entries = (32 << 20) / state.range(0);
  for (int64_t i = 0; i < entries; ++i) {
    AppendOne(journal.get(), payload);
    if (i % 64 == 0) journal->CommitTurn();
  }
  journal->CommitTurn();
  for (auto _ : state) {
    const auto reader = journal->OpenReader("");
    reader->Restore(0);
    for (int64_t i = 0; i < entries; ++i) {
      if (!reader->Next(std::chrono::steady_clock::now())) std::abort();
    }
  }
  state.SetItemsProcessed(state.iterations() * entries);
  state.SetBytesProcessed(state.iterations() * entries * state.range(0));
}
BENCHMARK(BM_Read)->Arg(kSpanBytes)->Arg(kBatchBytes)->Unit(benchmark::kMillisecond);

// Open of a journal of 256 MiB, page cache warm: reads its newest segment alone.
void BM_Recover(benchmark::State& state) {
  const ScratchDirectory scratch;
  const Options options = BenchOptions(scratch);
  {
    const auto journal = OpenJournal(options);
    Start(journal.get());
    const auto behind = journal->OpenReader("behind");  // what it has not read stays
    const std::string payload = PayloadOf(state.range(0));
    while (journal->GetUsage().bytes < (240u << 20)) {
      for (int i = 0; i < 64; ++i) AppendOne(journal.get(), payload);
      journal->CommitTurn();
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(OpenJournal(options));
}
BENCHMARK(BM_Recover)->Arg(kSpanBytes)->Arg(kBatchBytes)->Unit(benchmark::kMillisecond);

void BM_Crc32c(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32c)->Arg(kSpanBytes)->Arg(kBatchBytes);

}  // namespace
}  // namespace sluice::journal

BENCHMARK_MAIN();
