#include "agent/ingest/pending_batch.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/base/mutex.h"
#include "agent/live/origin_codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/admission_fixture.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/records.h"

namespace sluice::ingest {
namespace {

using testing::EncodeBatch;
using testing::EndRecord;
using testing::EventRecord;
using testing::StartRecord;
using testing::UpdateRecord;
using testing::WholeRecord;

constexpr auto kGrouped = journal::Urgency::kGrouped;

// Admission that wants no DEBUG, over a journal of its own.
struct World {
  World() {
    journal::Options options;
    options.directory = directory.path() + "/journal";
    Recovery recovery(&state, "boot");
    journal = *journal::Journal::Open(options, &recovery);
    journal->Start([this] { return EncodeCheckpoint(state, "boot"); }, [](uint64_t) {});
    admission = std::make_unique<Admission>(&state, journal.get(), &clock, &counters);
    admission->set_wanted(
        [](const live::Candidate& candidate) { return candidate.level() != Level::kDebug; });
  }

  // Everything there is to tell of the journal, entry by entry.
  std::vector<std::string> Entries() {
    journal->CommitTurn();
    std::vector<std::string> entries;
    std::vector<std::string> aborted;  // neighbours that have no order of their own
    const auto settle_aborted = [&] {
      std::sort(aborted.begin(), aborted.end());
      entries.insert(entries.end(), aborted.begin(), aborted.end());
      aborted.clear();
    };
    const auto reader = journal->OpenReader("");
    reader->Restore(0);
    while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
      const journal::BatchView& batch = entry->batch;
      std::string text =
          absl::StrCat(entry->uid, " ", batch.first_sequence, "+", batch.sent_records);
      for (journal::RecordCursor records = batch.records(); records.Next();) {
        if (batch.synthetic) aborted.emplace_back(records.encoded());
        text += "\n" + std::string(records.encoded());
      }
      if (batch.synthetic) continue;
      settle_aborted();
      std::vector<std::string_view> dropped;  // likewise
      for (const std::string_view each : batch.dropped_spans()) dropped.push_back(each);
      std::sort(dropped.begin(), dropped.end());
      for (const std::string_view each : dropped) text += "\ndropped " + std::string(each);
      entries.push_back(std::move(text));
    }
    settle_aborted();
    return entries;
  }

  std::vector<std::string> Spans() const {
    std::vector<std::string> spans;
    const auto add = [&](const live::SpanKey& key, const std::string& what) {
      spans.push_back(std::to_string(key.uid) + std::string(key.trace_id.raw()) +
                      std::string(key.span_id.raw()) + what);
    };
    state.spans.ForEach([&](const std::shared_ptr<live::Span>& span) {
      add(span->key, absl::StrCat(" ", span->name, span->body, " ", span->depth));
    });
    state.spans.ForEachDropped([&](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
      add(key, " below " + std::string(span.nearest_kept.raw()));
    });
    std::sort(spans.begin(), spans.end());
    return spans;
  }

  testing::TempDirectory directory;
  FakeClock clock;
  Counters counters;
  AdmissionState state;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<Admission> admission;
};

std::string Outcome(const absl::StatusOr<Admitted>& admitted) {
  if (!admitted.ok()) return admitted.status().ToString();
  std::string text = absl::StrCat(admitted->journal_sequence, " ", admitted->last_sequence, " ",
                                  admitted->accepted, admitted->opened_spans ? " opened" : "");
  for (const auto& [reason, count] : admitted->drops) absl::StrAppend(&text, " ", reason, count);
  return text;
}

struct Sent {
  Sender sender;
  std::string batch;
};

class RandomBatches {
 public:
  explicit RandomBatches(uint32_t seed) : random_(seed) {}

  int Below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  Sent Next(uid_t uid) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = uid;
    origin->identity.pid = 1000 + static_cast<pid_t>(uid);
    Sent sent{{std::move(origin), std::nullopt}, {}};
    if (Below(3) > 0) sent.sender.client_id = testing::MakeId<ClientId>(static_cast<uint8_t>(uid));
    std::vector<v1::Record> records(static_cast<size_t>(Below(30)));
    for (v1::Record& record : records) record = NextRecord();
    uint64_t& next = next_[uid % 8];
    if (Below(8) == 0) next = 1;  // sent again
    sent.batch = EncodeBatch(next, records);
    next += records.size();
    return sent;
  }

 private:
  v1::Record NextRecord() {
    const auto trace = static_cast<uint8_t>(1 + Below(2));
    const auto span = static_cast<uint8_t>(1 + Below(6));
    v1::Record record = MakeRecord(trace, span, static_cast<uint8_t>(Below(6)));
    if (Below(4) == 0) record.set_level(v1::LEVEL_DEBUG);
    if (Below(10) == 0) record.set_target(std::string(300, 't'));  // is mended
    if (Below(20) == 0) record.mutable_span()->set_trace_id("a fault");
    return record;
  }
  v1::Record MakeRecord(uint8_t trace, uint8_t span, uint8_t parent) {
    switch (Below(5)) {
      case 0:
        return StartRecord(trace, span, parent);
      case 1:
        return EndRecord(trace, span);
      case 2:
        return UpdateRecord(trace, span);
      case 3:
        return WholeRecord(trace, span, parent);
      default:
        return EventRecord("event", trace, parent);
    }
  }

  std::mt19937 random_;
  uint64_t next_[8] = {1, 1, 1, 1, 1, 1, 1, 1};
};

// Whatever comes between the slices of a batch, it ends as if it had come in one go after that.
TEST(PendingBatchTest, EndsAsTheSameBatchInOneGo) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    World sliced, whole;
    for (int i = 0; i < 20; ++i) {
      const Sent mine = random.Next(5);
      Admission::PendingBatch pending(sliced.admission.get(), &mine.sender, kGrouped);
      const Admission::PendingBatch::Slice slice{static_cast<size_t>(1 + random.Below(8)),
                                                 static_cast<size_t>(1 + random.Below(1000))};
      std::optional<absl::StatusOr<Admitted>> done;
      // From some slice on the bytes lie elsewhere.
      const std::string moved = mine.batch;
      for (int slices = 0; !(done = pending.Work(slices < 2 ? mine.batch : moved, slice));
           ++slices) {
        // Others come between, seldom its own user or the end of a process.
        const uid_t uid = random.Below(12) == 0 ? 5 : static_cast<uid_t>(6 + random.Below(2));
        const Sent other = random.Next(uid);
        EXPECT_EQ(Outcome(sliced.admission->Admit(other.sender, other.batch, kGrouped)),
                  Outcome(whole.admission->Admit(other.sender, other.batch, kGrouped)));
        if (random.Below(30) > 0) continue;
        for (World* const world : {&sliced, &whole}) {
          world->admission->CloseAborted([](const live::Span& span) { return span.key.uid == 5; },
                                         "killed");
          world->admission->ForgetDropped(1005, 0);
        }
      }
      ASSERT_EQ(Outcome(*done), Outcome(whole.admission->Admit(mine.sender, mine.batch, kGrouped)));
      ASSERT_EQ(sliced.Spans(), whole.Spans());
    }
    const std::vector<std::string> entries = sliced.Entries();
    const std::vector<std::string> expected = whole.Entries();
    ASSERT_EQ(entries.size(), expected.size());
    for (size_t i = 0; i < entries.size(); ++i) ASSERT_EQ(entries[i], expected[i]) << i;
    for (const char* const counter :
         {"admission.dropped", "admission.repaired", "spans.unlinked"}) {
      EXPECT_EQ(sliced.counters.Total(counter), whole.counters.Total(counter));
    }
  }
}

class SlicedTest : public AdmissionTest {
 protected:
  // How many slices it takes.
  int CountSlices(const std::string& batch) {
    const Sender sender = SenderOf(5);
    Admission::PendingBatch pending(admission_.get(), &sender, kGrouped);
    int slices = 1;
    while (!pending.Work(batch)) ++slices;
    journal_->CommitTurn();
    return slices;
  }
};

TEST_F(SlicedTest, TakesTheUsualBatchInOneSlice) {
  EXPECT_EQ(CountSlices(EncodeBatch(1, std::vector(512, EventRecord(std::string(100, 'x'))))), 1);
  EXPECT_EQ(CountSlices(EncodeBatch(1, std::vector(1023, EventRecord("x")))), 1);
  EXPECT_EQ(CountSlices(""), 1);
}

TEST_F(SlicedTest, BoundsASliceByRecordsAndBytes) {
  EXPECT_EQ(CountSlices(EncodeBatch(1, std::vector(10'000, EventRecord("x")))), 10);
  EXPECT_EQ(CountSlices(EncodeBatch(1, std::vector(100, EventRecord(std::string(50'000, 'x'))))),
            17);
  // Of two bytes each, whatever they are.

  std::string empty;
  for (int i = 0; i < 102'400; ++i) empty += std::string("\x12\0", 2);
  EXPECT_EQ(CountSlices(empty), 100);
  std::string unknown;
  for (int i = 0; i < 102'400; ++i) unknown += std::string("\x7a\0", 2);
  EXPECT_EQ(CountSlices(unknown), 100);
}

TEST_F(SlicedTest, TakesNothingBeforeTheLastSlice) {
  const Sender sender = SenderOf(5);
  const std::string batch = EncodeBatch(1, std::vector(3000, EventRecord("x")));
  {
    Admission::PendingBatch given_up(admission_.get(), &sender, kGrouped);
    EXPECT_FALSE(given_up.Work(batch));
    EXPECT_FALSE(given_up.Work(batch));
  }
  journal_->CommitTurn();
  EXPECT_TRUE(Journalled().empty());
  EXPECT_EQ(CountSlices(batch), 3);
  EXPECT_EQ(Journalled().size(), 3000u);
}

// Else the table would refuse in silence what the journal has.
TEST_F(SlicedTest, JudgesAnewWhereOthersTookTheRoomForSpans) {
  state_->spans.SetLimits({.bytes_per_uid = 800, .bytes_of_users = 1800});
  const Sender sender = SenderOf(5);
  std::vector<v1::Record> records(1500, EventRecord("x"));
  records.insert(records.begin(), StartRecord(1, 1));
  const std::string batch = EncodeBatch(1, records);
  Admission::PendingBatch pending(admission_.get(), &sender, kGrouped);
  EXPECT_FALSE(pending.Work(batch));
  for (const uid_t other : {6, 7})
    Admit(SenderOf(other), 1, {StartRecord(1, 1), StartRecord(1, 2)});
  std::optional<absl::StatusOr<Admitted>> done;
  while (!(done = pending.Work(batch))) {
  }
  ASSERT_TRUE(done->ok());
  EXPECT_EQ((*done)->drops.at("open_span_bytes"), 1u);
  EXPECT_EQ((*done)->accepted, 1500u);
  EXPECT_EQ(state_->spans.CountOf(5), 0);
}

// A disk whose journal can be read back only while it is let go on: what copies of it wait for.
class HeldDisk : public CrashFileSystem {
 public:
  void Hold() { SetHeld(true); }
  void GoOn() { SetHeld(false); }

  int Open(const std::string& path, int flags, mode_t mode) override {
    if ((flags & O_ACCMODE) == O_RDONLY && path.ends_with(".seg")) {
      MutexLock lock(&mutex_);
      while (is_held_) changed_.Wait(&mutex_);
    }
    return CrashFileSystem::Open(path, flags, mode);
  }

 private:
  void SetHeld(bool is_held) {
    MutexLock lock(&mutex_);
    is_held_ = is_held;
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  bool is_held_ GUARDED_BY(mutex_) = false;
};

// Room comes when what a quiet user has in the oldest segment is copied.
TEST(FullJournalTest, ABatchWaitsForRoomWhereItMay) {
  HeldDisk disk;
  FakeClock clock(1);
  Counters counters;
  AdmissionState state;
  journal::Options options;
  options.file_system = &disk;
  options.directory = "/journal";
  options.max_bytes = 1 << 20;
  options.segment_bytes = 64 << 10;
  options.group_bytes = 64 << 10;
  options.keep_bytes = 256 << 10;
  options.uid_share = 1;
  Recovery recovery(&state, "boot");
  const auto journal = *journal::Journal::Open(options, &recovery);
  journal->Start([&] { return EncodeCheckpoint(state, "boot"); }, [](uint64_t) {});
  Admission admission(&state, journal.get(), &clock, &counters);
  const auto sender_of = [](uid_t uid) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = uid;
    return Sender{std::move(origin), std::nullopt};
  };
  const Sender flooder = sender_of(5), quiet = sender_of(6);
  const std::string batch = EncodeBatch(1, {EventRecord(std::string(20'000, 'x'))});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto wait_for = [&](auto condition) {
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      journal->CommitTurn();
      std::this_thread::yield();
    }
    return condition();
  };
  const auto is_synced = [&] { return journal->synced_sequence() == journal->last_sequence(); };

  ASSERT_TRUE(admission.Admit(quiet, EncodeBatch(1, {EventRecord("quiet")}), kGrouped).ok());
  journal->CommitTurn();
  disk.Hold();
  const absl::Cleanup go_on = [&] { disk.GoOn(); };
  std::optional<absl::StatusOr<Admitted>> done;
  // Twice what the journal holds.
  for (int sent = 0; sent < 100; ++sent) {
    Admission::PendingBatch pending(&admission, &flooder, kGrouped);
    done = pending.Work(batch);
    if (!done) {
      disk.GoOn();
      ASSERT_TRUE(wait_for([&] { return (done = pending.Work(batch)).has_value(); }));
      EXPECT_TRUE(done->ok()) << done->status();
      return;
    }
    ASSERT_TRUE(done->ok()) << done->status();
    journal->CommitTurn();
    ASSERT_TRUE(wait_for(is_synced));
  }
  ADD_FAILURE() << "never waited";
}

TEST_F(SlicedTest, RefusesAMalformedEndWhole) {
  const Sender sender = SenderOf(5);
  const std::string batch = EncodeBatch(1, std::vector(3000, EventRecord("x"))) + "\x12\x7f";
  const auto admitted = admission_->Admit(sender, batch, kGrouped);
  EXPECT_EQ(admitted.status().code(), absl::StatusCode::kInvalidArgument);
  journal_->CommitTurn();
  EXPECT_TRUE(Journalled().empty());
}

// Each sound record lies alone between two that are dropped.
TEST_F(SlicedTest, JournalsManyPiecesInTheirOrder) {
  v1::Record bad = StartRecord(1, 1);
  bad.mutable_span()->set_trace_id("short");
  std::vector<v1::Record> records;
  std::vector<std::string> sound;
  for (int i = 0; i < 10'000; ++i) {
    sound.push_back(absl::StrCat("event ", i, std::string(static_cast<size_t>(i % 40), '.')));
    records.push_back(EventRecord(sound.back()));
    records.push_back(bad);
  }
  Admit(SenderOf(5), 1, records);
  EXPECT_EQ(Journalled(), sound);
}

}  // namespace
}  // namespace sluice::ingest
