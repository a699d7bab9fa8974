#include "agent/ingest/admission.h"

#include <filesystem>

#include "agent/live/origin_codec.h"
#include "gtest/gtest.h"
#include "tests/support/admission_fixture.h"
#include "tests/support/records.h"

namespace sluice::ingest {
namespace {

using testing::EncodeBatch;
using testing::EndRecord;
using testing::EventRecord;
using testing::MakeId;
using testing::StartRecord;
using testing::UpdateRecord;
using testing::WholeRecord;

TEST_F(AdmissionTest, StoresARecordThatIsSentTwiceOnce) {
  const Sender sender = SenderOf(5, 1);
  EXPECT_EQ(Admit(sender, 1, {EventRecord("a"), EventRecord("b")}).last_sequence, 2u);
  const Admitted again = Admit(sender, 1, {EventRecord("a"), EventRecord("b")});
  EXPECT_EQ(again.last_sequence, 2u);
  EXPECT_EQ(again.accepted, 2u);
  EXPECT_EQ(Admit(sender, 2, {EventRecord("b"), EventRecord("c")}).last_sequence, 3u);
  EXPECT_EQ(Journalled(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(AdmissionTest, ReSentRecordsAreKnownAfterARestart) {
  Admit(SenderOf(5, 1), 1, {EventRecord("a"), EventRecord("b")});
  Restart();
  EXPECT_EQ(Admit(SenderOf(5, 1), 1, {EventRecord("a"), EventRecord("b")}).last_sequence, 2u);
  EXPECT_EQ(Journalled(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(AdmissionTest, AnotherUsersSequenceIsNotMovedByTheSameClientId) {
  Admit(SenderOf(6, 1), 1, {EventRecord("forged 1"), EventRecord("forged 2")});
  const Admitted admitted = Admit(SenderOf(5, 1), 1, {EventRecord("mine")});
  EXPECT_EQ(admitted.last_sequence, 1u);
  EXPECT_EQ(Journalled().back(), "mine");
}

TEST_F(AdmissionTest, DropsABadRecordAloneAndNamesTheReason) {
  v1::Record bad = StartRecord(1, 1);
  bad.mutable_span()->set_trace_id("short");
  const Admitted admitted = Admit(SenderOf(5, 1), 1, {EventRecord("a"), bad, EventRecord("b")});
  EXPECT_EQ(admitted.accepted, 2u);
  EXPECT_EQ(admitted.last_sequence, 3u) << "the bad one is settled too";
  EXPECT_EQ(admitted.drops.at("bad_trace_id"), 1u);
  EXPECT_EQ(counters_.Total("admission.dropped", "bad_trace_id"), 1u);
  EXPECT_EQ(Journalled(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(AdmissionTest, DropsReservedAttributesAndCountsThem) {
  v1::Record forged = EventRecord("a");
  testing::AddTextAttribute(&forged, "sluice.uid", "0");
  testing::AddTextAttribute(&forged, "mine", "1");
  Admit(SenderOf(5), 0, {forged});
  EXPECT_EQ(counters_.Total("admission.repaired", "reserved_attribute"), 1u);
  const auto reader = journal_->OpenReader("");
  reader->Restore(0);
  const auto entry = reader->Next(std::chrono::steady_clock::now());
  ASSERT_TRUE(entry.has_value());
  journal::RecordCursor records = entry->batch.records();
  ASSERT_TRUE(records.Next());
  const auto record = records.Read();
  int attributes = 0;
  for (const std::string_view encoded : record->event.attributes()) {
    EXPECT_EQ(ReadAttribute(encoded).key, "mine");
    ++attributes;
  }
  EXPECT_EQ(attributes, 1);
}

TEST_F(AdmissionTest, NobodyEndsAnotherUsersSpan) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1)});
  const Admitted forged = Admit(SenderOf(6, 1), 1, {EndRecord(1, 1)});
  EXPECT_EQ(forged.drops.at("unknown_span"), 1u);
  EXPECT_EQ(state_->spans.size(), 1u);
}

TEST_F(AdmissionTest, JudgesSpansWithinOneBatchInOrder) {
  const Admitted admitted = Admit(SenderOf(5, 1), 1,
                                  {StartRecord(1, 1), StartRecord(1, 1), UpdateRecord(1, 1),
                                   EndRecord(1, 1), EndRecord(1, 1), StartRecord(1, 2)});
  EXPECT_EQ(admitted.accepted, 4u);
  EXPECT_EQ(admitted.drops.at("duplicate_start"), 1u);
  EXPECT_EQ(admitted.drops.at("unknown_span"), 1u);
  EXPECT_TRUE(admitted.opened_spans);
  EXPECT_EQ(state_->spans.size(), 1u);
}

// Spans of level DEBUG are not wanted in these.
class DroppedSpanTest : public AdmissionTest {
 protected:
  DroppedSpanTest() { WantInfo(); }

  void WantInfo() {
    admission_->set_wanted(
        [](const live::Candidate& candidate) { return candidate.level() <= Level::kInfo; });
  }

  static v1::Record Debug(v1::Record record) {
    record.set_level(v1::LEVEL_DEBUG);
    return record;
  }

  // "name in span", for each record in the journal that stands in one; 0: in none.
  std::vector<std::string> Places() {
    std::vector<std::string> places;
    const auto reader = journal_->OpenReader("");
    reader->Restore(0);
    while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
      for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
        const auto record = records.Read();
        if (record->kind == RecordKind::kSpanEnd) continue;
        const bool is_event = record->kind == RecordKind::kEvent;
        const SpanId in = is_event ? record->event.span_id : record->span.parent_span_id;
        places.push_back(std::string(is_event ? record->event.message.text : record->span.name) +
                         " in " + std::to_string(in.bytes.back()));
      }
    }
    return places;
  }
};

using Lines = std::vector<std::string>;

TEST_F(DroppedSpanTest, DescendantsBelongToTheNearestKeptAncestor) {
  const Admitted admitted = Admit(
      SenderOf(5, 1), 1,
      {StartRecord(1, 1, 0, "a"), Debug(StartRecord(1, 2, 1)), Debug(StartRecord(1, 3, 2)),
       EventRecord("event", 1, 3), StartRecord(1, 4, 3, "child"), EventRecord("inner", 1, 4)});
  EXPECT_EQ(admitted.accepted, 4u);
  EXPECT_EQ(admitted.drops.at("unwanted_level"), 2u);
  EXPECT_EQ(Places(), (Lines{"a in 0", "event in 1", "child in 1", "inner in 4"}));
}

TEST_F(DroppedSpanTest, LaterBatchesStandThereToo) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1, 0, "a"), Debug(StartRecord(1, 2, 1))});
  Admit(SenderOf(5, 1), 3, {EventRecord("event", 1, 2)});
  Admit(SenderOf(5, 2), 1, {WholeRecord(1, 5, 2)});
  EXPECT_EQ(Places(), (Lines{"a in 0", "event in 1", "work in 1"}));
}

TEST_F(DroppedSpanTest, WithoutAKeptAncestorTheyAreRoots) {
  Admit(SenderOf(5, 1), 1,
        {Debug(StartRecord(1, 2)), EventRecord("event", 1, 2), StartRecord(1, 4, 2, "child")});
  EXPECT_EQ(Places(), (Lines{"event in 0", "child in 0"}));
}

TEST_F(DroppedSpanTest, AParentThatIsNotKnownHereStaysTheirParent) {
  Admit(SenderOf(5, 1), 1, {Debug(StartRecord(1, 2, 9)), EventRecord("event", 1, 2)});
  EXPECT_EQ(Places(), (Lines{"event in 9"}));
}

TEST_F(DroppedSpanTest, AUserStandsWhereRootsDroppedSpanStood) {
  Admit(SenderOf(0, 1), 1, {StartRecord(1, 1, 0, "a"), Debug(StartRecord(1, 2, 1))});
  Admit(SenderOf(5, 1), 1, {EventRecord("user", 1, 2)});
  Admit(SenderOf(6, 1), 1, {Debug(StartRecord(1, 3, 1))});
  Admit(SenderOf(5, 1), 2, {EventRecord("theirs", 1, 3)});
  EXPECT_EQ(Places(), (Lines{"a in 0", "user in 1", "theirs in 3"}));
}

TEST_F(DroppedSpanTest, ItsUpdateAndEndAreUnwantedAsItWas) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1), Debug(StartRecord(1, 2, 1))});
  const Admitted admitted = Admit(SenderOf(5, 1), 3, {UpdateRecord(1, 2), EndRecord(1, 2)});
  EXPECT_EQ(admitted.drops.at("unwanted_level"), 2u);
  EXPECT_EQ(admitted.drops.count("unknown_span"), 0u);
  EXPECT_FALSE(state_->spans.has_dropped());
  EXPECT_EQ(Admit(SenderOf(5, 1), 5, {EndRecord(1, 2)}).drops.at("unknown_span"), 1u);
}

TEST_F(DroppedSpanTest, OneOfABatchLeavesNothingBehind) {
  Admit(SenderOf(5, 1), 1,
        {StartRecord(1, 1, 0, "a"), Debug(StartRecord(1, 2, 1)), EventRecord("event", 1, 2),
         EndRecord(1, 2), EventRecord("late", 1, 2), Debug(WholeRecord(1, 3, 1)),
         EventRecord("in whole", 1, 3)});
  EXPECT_EQ(Places(), (Lines{"a in 0", "event in 1", "late in 1", "in whole in 1"}));
  EXPECT_FALSE(state_->spans.has_dropped());
  EXPECT_EQ(state_->spans.CountOf(5), 1);
}

TEST_F(DroppedSpanTest, StatedAgainWhenItIsWantedItIsOpen) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1, 0, "a"), Debug(StartRecord(1, 2, 1))});
  admission_->set_wanted([](const live::Candidate&) { return true; });
  v1::Record again = Debug(StartRecord(1, 2, 1, "b"));
  const Admitted admitted = Admit(SenderOf(5, 1), 3, {again, EventRecord("event", 1, 2)});
  EXPECT_EQ(admitted.accepted, 2u);
  EXPECT_EQ(Places(), (Lines{"a in 0", "b in 1", "event in 2"}));
  EXPECT_FALSE(state_->spans.has_dropped());
  EXPECT_EQ(Admit(SenderOf(5, 1), 5, {EndRecord(1, 2)}).accepted, 1u);
}

TEST_F(DroppedSpanTest, SurvivesARestartFromEntriesAndFromACheckpoint) {
  Admit(SenderOf(5, 1), 1,
        {StartRecord(1, 1, 0, "a"), Debug(StartRecord(1, 2, 1)), Debug(StartRecord(1, 3, 1))});
  Admit(SenderOf(5, 1), 4, {EndRecord(1, 3)});
  for (int restart = 0; restart < 2; ++restart) {
    Restart();
    WantInfo();
    int dropped = 0;
    state_->spans.ForEachDropped(
        [&](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
          ++dropped;
          EXPECT_EQ(key, (live::SpanKey{5, MakeId<TraceId>(1), MakeId<SpanId>(2)}));
          EXPECT_EQ(span.pid, 1005);
        });
    EXPECT_EQ(dropped, 1);
  }
  Admit(SenderOf(5, 1), 5, {EventRecord("event", 1, 2)});
  EXPECT_EQ(Places(), (Lines{"a in 0", "event in 1"}));
}

TEST_F(DroppedSpanTest, CountsAsAnOpenSpanOfItsUser) {
  std::vector<v1::Record> records;
  for (int i = 0; i < limits::kOpenSpansPerUid + 5; ++i) {
    v1::Record record = Debug(StartRecord(1, 1, 9));
    const std::string id = {
        'x', 'x', 'x', 'x', 'x', static_cast<char>(1 + i / 250), static_cast<char>(1 + i % 250), 1};
    record.mutable_span()->set_span_id(id);
    records.push_back(record);
  }
  const Admitted dropped = Admit(SenderOf(5, 1), 1, records);
  EXPECT_EQ(dropped.drops.at("unwanted_level"), records.size());
  EXPECT_EQ(state_->spans.CountOf(5), limits::kOpenSpansPerUid);
  EXPECT_EQ(counters_.Total("spans.unlinked"), 5u);
  const Admitted full = Admit(SenderOf(5, 1), records.size() + 1, {StartRecord(1, 1)});
  EXPECT_EQ(full.drops.at("too_many_open_spans"), 1u);
  EXPECT_EQ(Admit(SenderOf(6, 1), 1, {StartRecord(1, 1)}).accepted, 1u);
}

TEST_F(DroppedSpanTest, GoesWithItsProcess) {
  Admit(SenderOf(5, 1), 1, {Debug(StartRecord(1, 2, 1))});
  Admit(SenderOf(6, 1), 1, {Debug(StartRecord(1, 2, 1))});
  admission_->ForgetDropped(1005, 0);
  EXPECT_EQ(state_->spans.CountOf(5), 0);
  EXPECT_EQ(state_->spans.CountOf(6), 1);
}

TEST_F(DroppedSpanTest, IsForgottenAfterAReboot) {
  Admit(SenderOf(5, 1), 1, {Debug(StartRecord(1, 2, 1))});
  boot_id_ = "boot-2";
  Restart();
  EXPECT_FALSE(state_->spans.has_dropped());
}

TEST_F(AdmissionTest, AResourceCountsForEachSpanThatIsOpenWithIt) {
  auto origin = std::make_shared<live::Origin>();
  origin->identity.uid = 5;
  origin->resource.assign(limits::kOpenSpanBytesPerUid / 3, 'r');
  const Sender sender{std::move(origin), std::nullopt};
  Admit(sender, 0, {StartRecord(1, 1)});
  const Admitted admitted = Admit(sender, 0, {StartRecord(1, 2), StartRecord(1, 3)});
  EXPECT_EQ(admitted.accepted, 1u);
  EXPECT_EQ(admitted.drops.at("open_span_bytes"), 1u);
  EXPECT_EQ(state_->spans.size(), 2u);
}

TEST_F(AdmissionTest, TheOpenSpansOfAllUsersAreBoundedTogether) {
  for (uid_t uid = 1; uid <= 8; ++uid) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = uid;
    origin->resource.assign(limits::kOpenSpanBytesOfUsers / 10, 'r');
    const Admitted admitted = Admit({std::move(origin), std::nullopt}, 0, {StartRecord(1, 1)});
    EXPECT_EQ(admitted.accepted, uid < 7 ? 1u : 0u) << uid;
  }
  EXPECT_EQ(Admit(SenderOf(9, 1), 1, {StartRecord(1, 1)}).accepted, 1u) << "one with little";
}

TEST_F(AdmissionTest, AnAbortedParentKeepsNoBodyForItsChildren) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1), StartRecord(1, 2, 1)});
  const live::SpanKey parent{5, MakeId<TraceId>(1), MakeId<SpanId>(1)};
  const live::SpanKey child{5, MakeId<TraceId>(1), MakeId<SpanId>(2)};
  EXPECT_TRUE(admission_->CloseAborted([&](const live::Span& span) { return span.key == parent; },
                                       "process gone"));
  const auto left = state_->spans.Find(child);
  ASSERT_NE(left, nullptr);
  EXPECT_EQ(left->parent->name, "work");
  EXPECT_TRUE(left->parent->body.empty());
}

TEST_F(AdmissionTest, OpenSpansSurviveARestart) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1), StartRecord(1, 2, 1), EndRecord(1, 2)});
  Restart();
  EXPECT_FALSE(rebooted_);
  ASSERT_EQ(state_->spans.size(), 1u);
  EXPECT_EQ(Admit(SenderOf(5, 1), 4, {EndRecord(1, 1)}).accepted, 1u);
}

TEST_F(AdmissionTest, AfterARebootOldSpansAreToldFromNewOnes) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1)});
  boot_id_ = "boot-2";
  Restart();
  EXPECT_TRUE(rebooted_);
  EXPECT_EQ(state_->spans.size(), 1u);
  EXPECT_EQ(state_->clients.Find(5, MakeId<ClientId>(1)), nullptr);
}

TEST_F(AdmissionTest, ClosesASelectedProcessesSpansAsAborted) {
  Admit(SenderOf(5, 1), 1, {StartRecord(1, 1), StartRecord(1, 2, 1)});
  Admit(SenderOf(6, 1), 1, {StartRecord(1, 3)});
  ASSERT_TRUE(admission_->CloseAborted([](const live::Span& span) { return span.key.uid == 5; },
                                       "process gone"));
  journal_->CommitTurn();
  EXPECT_EQ(state_->spans.size(), 1u);
  EXPECT_EQ(counters_.Total("spans.aborted"), 2u);

  const auto reader = journal_->OpenReader("");
  reader->Restore(0);
  std::optional<journal::Entry> last;
  int ends = 0;
  while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
    if (!entry->batch.synthetic) continue;
    EXPECT_EQ(entry->uid, 5u);
    for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
      EXPECT_EQ(records.Read()->kind, RecordKind::kSpanEnd);
      ++ends;
    }
  }
  EXPECT_EQ(ends, 2);
}

TEST_F(AdmissionTest, DropsWhatNobodyWants) {
  admission_->set_wanted(
      [](const live::Candidate& candidate) { return candidate.record->level <= Level::kInfo; });
  v1::Record debug = EventRecord("quiet");
  debug.set_level(v1::LEVEL_DEBUG);
  const Admitted admitted = Admit(SenderOf(5, 1), 1, {debug, EventRecord("loud")});
  EXPECT_EQ(admitted.drops.at("unwanted_level"), 1u);
  EXPECT_EQ(Journalled(), std::vector<std::string>{"loud"});
}

TEST_F(AdmissionTest, WhoeverWantsErrorsWantsASpanThatFailed) {
  admission_->set_wanted(
      [](const live::Candidate& candidate) { return candidate.level() <= Level::kError; });
  v1::Record failed = WholeRecord(1, 1);
  failed.mutable_span()->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  const Admitted admitted = Admit(SenderOf(5, 1), 1, {WholeRecord(1, 2), failed});
  EXPECT_EQ(admitted.accepted, 1u);
  EXPECT_EQ(admitted.drops.at("unwanted_level"), 1u);
}

// An event with an attribute that a sink may be after.
v1::Record MarkedEvent(const std::string& message) {
  v1::Record record = EventRecord(message);
  testing::AddTextAttribute(&record, "mark", "x");
  return record;
}

Sender HostRoot() {
  Sender sender;
  sender.origin = std::make_shared<live::Origin>();
  sender.is_host_root = true;
  return sender;
}

TEST_F(AdmissionTest, TellsWhoWantsARecordWhatItIsAndWhoSentIt) {
  admission_->set_wanted([](const live::Candidate& candidate) {
    return candidate.sender_is_host_root && candidate.origin->identity.uid == 0 &&
           candidate.MayHaveAttribute("mark") && !candidate.MayHaveAttribute("target");
  });
  EXPECT_EQ(Admit(HostRoot(), 0, {EventRecord("plain"), MarkedEvent("marked")}).accepted, 1u);
  EXPECT_EQ(Admit(SenderOf(0), 0, {MarkedEvent("of a container")}).accepted, 0u);
  EXPECT_EQ(Journalled(), std::vector<std::string>{"marked"});
}

TEST_F(AdmissionTest, CountsWhatItIsAskedToOnceTheBatchIsTaken) {
  admission_->set_wanted([](const live::Candidate& candidate) {
    if (candidate.MayHaveAttribute("mark")) candidate.Count("sink.refused", "why");
    return true;
  });
  const std::string batch = EncodeBatch(1, {MarkedEvent("1"), EventRecord("2"), MarkedEvent("3")});
  EXPECT_FALSE(admission_->Admit(SenderOf(5), batch + "\xff", journal::Urgency::kGrouped).ok());
  EXPECT_EQ(counters_.Total("sink.refused"), 0u);
  EXPECT_TRUE(admission_->Admit(SenderOf(5), batch, journal::Urgency::kGrouped).ok());
  EXPECT_EQ(counters_.Total("sink.refused", "why"), 2u);
}

TEST_F(AdmissionTest, TheJournalTellsWhetherTheSenderWasHostRoot) {
  Admit(HostRoot(), 0, {EventRecord("1")});
  Admit(SenderOf(0), 0, {EventRecord("2")});
  const auto reader = journal_->OpenReader("");
  reader->Restore(0);
  const auto now = std::chrono::steady_clock::now();
  EXPECT_TRUE(reader->Next(now)->batch.sender_is_host_root);
  EXPECT_FALSE(reader->Next(now)->batch.sender_is_host_root);
}

TEST_F(AdmissionTest, RefusesWhatIsNoBatchAndABatchWithoutNumbers) {
  EXPECT_EQ(
      admission_->Admit(SenderOf(5, 1), "\xff\xff", journal::Urgency::kGrouped).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      admission_
          ->Admit(SenderOf(5, 1), EncodeBatch(0, {EventRecord("a")}), journal::Urgency::kGrouped)
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_F(AdmissionTest, TellsWhoIsBehindTheJournalWhatItTook) {
  struct Took {
    uint64_t sequence;
    uid_t uid;
    uint64_t records, bytes;
  };
  std::vector<Took> took;
  absl::Status verdict = absl::OkStatus();
  admission_->set_behind({.check = [&](uid_t uid) { return uid == 5 ? verdict : absl::OkStatus(); },
                          .took =
                              [&](uint64_t sequence, uid_t uid, uint64_t records, uint64_t bytes) {
                                took.push_back({sequence, uid, records, bytes});
                              }});
  const Sender sender = SenderOf(5, 1);
  const std::string text(1'000, 'x');
  Admit(sender, 1, {EventRecord(text), StartRecord(1, 1)});
  Admit(sender, 1, {EventRecord(text), StartRecord(1, 1)});  // again
  ASSERT_EQ(took.size(), 1u);
  EXPECT_EQ(took[0].sequence, journal_->last_sequence());
  EXPECT_EQ(took[0].uid, 5u);
  EXPECT_EQ(took[0].records, 2u);
  EXPECT_GE(took[0].bytes, 1'000u);
  EXPECT_LE(took[0].bytes, 1'500u);

  verdict = absl::ResourceExhaustedError("too much");
  EXPECT_EQ(admission_->Admit(sender, EncodeBatch(3, {EventRecord("a")}), journal::Urgency::kNow)
                .status(),
            verdict);
  EXPECT_EQ(Admit(SenderOf(6, 1), 1, {EventRecord("b")}).accepted, 1u);
  EXPECT_EQ(took.size(), 2u) << "and nothing of the refused one";
  admission_->CloseAborted([](const live::Span&) { return true; }, "test");
  EXPECT_EQ(took.size(), 3u);
}

TEST_F(AdmissionTest, TakesNothingOfABatchThatIsTooMuchForWhoIsBehindTheJournal) {
  uint64_t asked_records = 0, asked_bytes = 0;
  admission_->set_behind({.check_entry = [&](uid_t, uint64_t records, uint64_t bytes) {
    asked_records = records;
    asked_bytes = bytes;
    return records > 1 ? absl::ResourceExhaustedError("too much") : absl::OkStatus();
  }});
  const Sender sender = SenderOf(5, 1);
  const uint64_t before = journal_->last_sequence();
  const std::string batch = EncodeBatch(1, {StartRecord(1, 1), EventRecord("a")});
  EXPECT_EQ(admission_->Admit(sender, batch, journal::Urgency::kNow).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(asked_records, 2u);
  EXPECT_NEAR(static_cast<double>(asked_bytes), static_cast<double>(batch.size()), 200);
  EXPECT_EQ(journal_->last_sequence(), before);
  EXPECT_EQ(state_->spans.size(), 0u);
  EXPECT_EQ(Admit(sender, 1, {EventRecord("a")}).accepted, 1u) << "the same numbers again";
}

TEST_F(AdmissionTest, HoldsOneUserToItsNumberOfOpenSpans) {
  std::vector<v1::Record> starts;
  for (int n = 0; n <= limits::kOpenSpansPerUid; ++n) {
    v1::Record start = StartRecord(1, 1);
    SpanId id;
    id.bytes[0] = static_cast<uint8_t>(n >> 8);
    id.bytes[1] = static_cast<uint8_t>(n);
    id.bytes[7] = 1;
    start.mutable_span()->set_span_id(std::string(id.raw()));
    starts.push_back(start);
  }
  const Admitted admitted = Admit(SenderOf(5, 1), 1, starts);
  EXPECT_EQ(admitted.drops.at("too_many_open_spans"), 1u);
  EXPECT_EQ(Admit(SenderOf(6, 1), 1, {StartRecord(1, 1)}).accepted, 1u);
}

TEST_F(AdmissionTest, SpansThatEndInTheirBatchMakeRoomForThoseAfterThem) {
  std::vector<v1::Record> records;
  for (int n = 0; n <= limits::kOpenSpansPerUid; ++n) {
    records.push_back(StartRecord(1, 1));
    records.push_back(EndRecord(1, 1));
  }
  const Admitted admitted = Admit(SenderOf(5, 1), 1, records);
  EXPECT_TRUE(admitted.drops.empty());
  EXPECT_EQ(admitted.accepted, records.size());
  EXPECT_EQ(state_->spans.CountOf(5), 0);
}

}  // namespace
}  // namespace sluice::ingest
