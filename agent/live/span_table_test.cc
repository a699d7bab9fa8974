#include "agent/live/span_table.h"

#include "agent/live/aborted_end.h"
#include "agent/live/origin_codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/writer.h"
#include "tests/support/records.h"

namespace sluice::live {
namespace {

using testing::EndRecord;
using testing::MakeId;
using testing::StartRecord;
using testing::UpdateRecord;
using Result = SpanTable::Result;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const Origin> OriginOf(uid_t uid) {
  auto origin = std::make_shared<Origin>();
  origin->identity.uid = uid;
  origin->identity.pid = 100 + static_cast<pid_t>(uid);
  return origin;
}

// Keeps what it encodes alive for as long as views of it are used.
class SpanTableTest : public ::testing::Test {
 protected:
  RecordView View(const v1::Record& record) {
    encoded_.push_back(std::make_unique<std::string>(record.SerializeAsString()));
    return *ReadRecord(*encoded_.back());
  }
  static SpanKey Key(uid_t uid, uint8_t trace, uint8_t span) {
    return {uid, MakeId<TraceId>(trace), MakeId<SpanId>(span)};
  }

  std::vector<std::unique_ptr<std::string>> encoded_;
  SpanTable table_;
};

TEST_F(SpanTableTest, MergesStartUpdateAndEndIntoOneSpan) {
  v1::Record start = StartRecord(1, 2);
  testing::AddTextAttribute(&start, "a", "1");
  v1::Record update = UpdateRecord(1, 2);
  testing::AddTextAttribute(&update, "b", "2");
  update.add_bare_attributes(0);
  ASSERT_EQ(table_.Open(View(start), OriginOf(5), 7), Result::kDone);
  ASSERT_EQ(table_.Update(5, View(update)), Result::kDone);
  const auto span = table_.Close(5, View(EndRecord(1, 2)));
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->view().name, "work");
  EXPECT_EQ(span->view().start_unix_nano, 1'000'000'000u);
  EXPECT_EQ(span->view().end_unix_nano, 2'000'000'000u);
  EXPECT_EQ(span->attribute_count, 2u);
  EXPECT_FALSE(span->bare.Has(0));
  EXPECT_TRUE(span->bare.Has(1)) << "the update's first attribute is the span's second";
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(SpanTableTest, NobodyEndsOrUpdatesAnotherUsersSpan) {
  ASSERT_EQ(table_.Open(View(StartRecord(1, 2)), OriginOf(5), 0), Result::kDone);
  EXPECT_EQ(table_.Close(6, View(EndRecord(1, 2))), nullptr);
  EXPECT_EQ(table_.Update(6, View(UpdateRecord(1, 2))), Result::kNotOpen);
  EXPECT_EQ(table_.Close(0, View(EndRecord(1, 2))), nullptr) << "not even root";
  EXPECT_NE(table_.Find(Key(5, 1, 2)), nullptr);
}

TEST_F(SpanTableTest, RootsSpansMayBeParentsForAllAndOthersOnlyForTheirOwnUser) {
  ASSERT_EQ(table_.Open(View(StartRecord(1, 2)), OriginOf(0), 0), Result::kDone);
  ASSERT_EQ(table_.Open(View(StartRecord(1, 3)), OriginOf(5), 0), Result::kDone);
  EXPECT_NE(table_.FindEnclosing(6, MakeId<TraceId>(1), MakeId<SpanId>(2)), nullptr);
  EXPECT_EQ(table_.FindEnclosing(6, MakeId<TraceId>(1), MakeId<SpanId>(3)), nullptr);
  EXPECT_EQ(table_.FindEnclosing(0, MakeId<TraceId>(1), MakeId<SpanId>(3)), nullptr);
}

TEST_F(SpanTableTest, RefusesASecondStartOfAnOpenSpan) {
  ASSERT_EQ(table_.Open(View(StartRecord(1, 2)), OriginOf(5), 0), Result::kDone);
  EXPECT_EQ(table_.Open(View(StartRecord(1, 2)), OriginOf(5), 0), Result::kAlreadyOpen);
  EXPECT_EQ(table_.Open(View(StartRecord(1, 2)), OriginOf(6), 0), Result::kDone)
      << "another user's span of the same ids is another span";
}

TEST_F(SpanTableTest, CountsOpenSpansByUserUpToTheLimit) {
  SpanTable table({2, 1 << 20});
  EXPECT_EQ(table.Open(View(StartRecord(1, 1)), OriginOf(5), 0), Result::kDone);
  EXPECT_EQ(table.Open(View(StartRecord(1, 2)), OriginOf(5), 0), Result::kDone);
  EXPECT_EQ(table.Open(View(StartRecord(1, 3)), OriginOf(5), 0), Result::kOverLimit);
  EXPECT_EQ(table.Open(View(StartRecord(1, 3)), OriginOf(6), 0), Result::kDone);
  table.Close(5, View(EndRecord(1, 1)));
  EXPECT_EQ(table.Open(View(StartRecord(1, 3)), OriginOf(5), 0), Result::kDone);
}

TEST_F(SpanTableTest, RefusesBodiesBeyondTheUsersBytes) {
  const RecordView start = View(StartRecord(1, 1));
  SpanTable table({10, SpanTable::BytesOf(start, *OriginOf(5)) + 10});
  EXPECT_EQ(table.Open(start, OriginOf(5), 0), Result::kDone);
  EXPECT_EQ(table.Update(5, View(UpdateRecord(1, 1))), Result::kOverLimit);
  EXPECT_EQ(table.Open(View(StartRecord(1, 2)), OriginOf(5), 0), Result::kOverLimit);
}

// Spans of `uid` that the table takes one after another.
int OpenAll(SpanTable* table, uid_t uid) {
  int opened = 0;
  for (uint8_t span = 1; span < 200; ++span) {
    const std::string encoded = StartRecord(1, span).SerializeAsString();
    if (table->Open(*ReadRecord(encoded), OriginOf(uid), 0) == Result::kDone) ++opened;
  }
  return opened;
}

// One of 256 spans is each one's small part, and 192 are for all.
TEST_F(SpanTableTest, EachUserMayHoldAsMuchAsAllLeaveOverAndRootIsApart) {
  const size_t one = SpanTable::BytesOf(View(StartRecord(1, 1)), *OriginOf(5));
  SpanTable table({.bytes_per_uid = 100 * one, .bytes_of_users = 256 * one});
  EXPECT_EQ(OpenAll(&table, 5), 1 + 96);
  EXPECT_EQ(OpenAll(&table, 6), 1 + 48);
  EXPECT_EQ(OpenAll(&table, 7), 1 + 24);
  EXPECT_EQ(OpenAll(&table, 0), 100) << "its own limit";
  EXPECT_EQ(table.BytesOfUsers(), 171 * one);
  EXPECT_EQ(table.Update(5, View(UpdateRecord(1, 1))), Result::kOverLimit);
  for (uint8_t span = 1; span <= 48; ++span) {
    table.Retire(table.Close(5, View(EndRecord(1, span))));
  }
  EXPECT_EQ(OpenAll(&table, 8), 1 + 36) << "who gives room back gives it to who comes";
}

TEST_F(SpanTableTest, AfterGreedyUsersInARowAQuietOneFindsItsSmallPart) {
  const size_t one = SpanTable::BytesOf(View(StartRecord(1, 1)), *OriginOf(5));
  SpanTable table({.bytes_of_users = 256 * one});
  for (uid_t uid = 1; uid <= 63; ++uid) OpenAll(&table, uid);
  EXPECT_EQ(table.Open(View(StartRecord(1, 1)), OriginOf(64), 0), Result::kDone);
  EXPECT_EQ(table.Open(View(StartRecord(1, 2)), OriginOf(64), 0), Result::kOverLimit);
}

TEST_F(SpanTableTest, WhatIsOpenCountsWithinNewLimits) {
  const size_t one = SpanTable::BytesOf(View(StartRecord(1, 1)), *OriginOf(5));
  SpanTable table;
  EXPECT_EQ(OpenAll(&table, 5), 199);
  table.SetLimits({.bytes_of_users = 256 * one});
  EXPECT_EQ(table.BytesOfUsers(), 199 * one);
  EXPECT_EQ(OpenAll(&table, 6), 1);
  for (uint8_t span = 1; span < 200; ++span) {
    table.Retire(table.Close(5, View(EndRecord(1, span))));
  }
  EXPECT_EQ(table.BytesOfUsers(), one);
  EXPECT_EQ(OpenAll(&table, 7), 1 + 96);
}

TEST_F(SpanTableTest, HoweverManyUsersComeTheirSumHasNoFloor) {
  constexpr size_t kLimit = 1 << 20;
  SpanTable table({.bytes_of_users = kLimit});
  int taken = 0;
  for (uid_t uid = 1; uid <= 300; ++uid) taken += OpenAll(&table, uid) > 0 ? 1 : 0;
  EXPECT_GE(taken, 64);
  EXPECT_LE(table.BytesOfUsers(), kLimit);
}

TEST_F(SpanTableTest, WhatIsKeptOfEndedSpansCountsInTheSameSum) {
  const size_t one = SpanTable::BytesOf(View(StartRecord(1, 1)), *OriginOf(5));
  SpanTable table({.bytes_of_users = 1000 * one});
  for (uint8_t span = 1; span < 100; ++span) {
    table.Apply(View(StartRecord(1, span, span - 1)), OriginOf(5), 0);
    if (span > 1) table.Apply(View(EndRecord(1, span - 1)), OriginOf(5), 0);
  }
  EXPECT_EQ(table.size(), 1u);
  EXPECT_GT(table.EndedBytesOf(5), 90 * sizeof(Span));
  EXPECT_EQ(table.BytesOfUsers(), table.EndedBytesOf(5) + one);
  table.Apply(View(EndRecord(1, 99)), OriginOf(5), 0);
  EXPECT_EQ(table.BytesOfUsers(), 0u);
}

TEST(SpanLimitsTest, FitASmallJournal) {
  EXPECT_EQ(SpanLimits::OfJournal(256 << 20).bytes_per_uid, limits::kOpenSpanBytesPerUid);
  EXPECT_EQ(SpanLimits::OfJournal(256 << 20).bytes_of_users, limits::kOpenSpanBytesOfUsers);
  EXPECT_EQ(SpanLimits::OfJournal(16 << 20).bytes_per_uid, 1u << 20);
  EXPECT_EQ(SpanLimits::OfJournal(16 << 20).bytes_of_users, 2u << 20);
}

TEST_F(SpanTableTest, AnEndedParentKeepsItsNameButNotItsBodyForItsChildren) {
  table_.Apply(View(StartRecord(1, 1, 0, "outer")), OriginOf(5), 0);
  table_.Apply(View(StartRecord(1, 2, 1, "inner")), OriginOf(5), 0);
  table_.Apply(View(EndRecord(1, 1)), OriginOf(5), 0);
  const auto inner = table_.Find(Key(5, 1, 2));
  ASSERT_NE(inner->parent, nullptr);
  EXPECT_EQ(inner->parent->name, "outer");
  EXPECT_TRUE(inner->parent->body.empty());
  EXPECT_EQ(inner->parent->origin, nullptr);
}

TEST_F(SpanTableTest, KeepsOfEndedAncestorsWhatFitsAndTheNearestWithoutAName) {
  constexpr size_t kLimit = 16 * 1024;
  SpanTable table({.ended_bytes_per_uid = kLimit});
  table.Apply(View(StartRecord(1, 1, 0, "root")), OriginOf(0), 0);
  table.Apply(View(StartRecord(1, 2, 1, "a")), OriginOf(5), 0);
  table.Apply(View(EndRecord(1, 1)), OriginOf(0), 0);
  for (uint8_t span = 3; span < 100; ++span) {
    table.Apply(View(StartRecord(1, span, span - 1, std::string(1000, 'n'))), OriginOf(5), 0);
    table.Apply(View(EndRecord(1, span - 1)), OriginOf(5), 0);
    EXPECT_LE(table.EndedBytesOf(5), kLimit + 2 * sizeof(Span));
    const auto parent = table.Find(Key(5, 1, span))->parent;
    ASSERT_NE(parent, nullptr);
    EXPECT_EQ(parent->name == "...", parent->parent == nullptr);
  }
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.EndedBytesOf(0), 0u) << "nothing holds root's span any more";
}

TEST_F(SpanTableTest, EndedAncestorsCountByTheirUserUntilTheLastChildEnds) {
  table_.Apply(View(StartRecord(1, 1, 0, "outer")), OriginOf(0), 0);
  table_.Apply(View(StartRecord(1, 2, 1, "inner")), OriginOf(5), 0);
  table_.Apply(View(StartRecord(1, 3, 2, "a")), OriginOf(5), 0);
  table_.Apply(View(StartRecord(1, 4, 2, "b")), OriginOf(5), 0);
  table_.Apply(View(EndRecord(1, 1)), OriginOf(0), 0);
  table_.Apply(View(EndRecord(1, 2)), OriginOf(5), 0);
  Span copy = *table_.Find(Key(5, 1, 4))->parent;
  copy.parent = nullptr;
  for (uint8_t child = 3; child <= 4; ++child) {
    EXPECT_GT(table_.EndedBytesOf(0), 0u);
    EXPECT_GT(table_.EndedBytesOf(5), 0u);
    table_.Apply(View(EndRecord(1, child)), OriginOf(5), 0);
  }
  EXPECT_EQ(table_.EndedBytesOf(0), 0u);
  EXPECT_EQ(table_.EndedBytesOf(5), 0u) << "a copy does not count";
}

TEST_F(SpanTableTest, ACheckpointBringsBackSpansParentsAndMarks) {
  v1::Record inner = StartRecord(1, 2, 1, "inner");
  testing::AddTextAttribute(&inner, "path", "/a b");
  inner.add_bare_attributes(0);
  table_.Apply(View(StartRecord(1, 1, 0, "outer")), OriginOf(5), 11);
  table_.Apply(View(inner), OriginOf(5), 12);
  std::string checkpoint;
  SaveOpenSpans(table_, &checkpoint);

  SpanTable restored;
  RestoreOpenSpans(checkpoint, &restored);
  ASSERT_EQ(restored.size(), 2u);
  const auto span = restored.Find(Key(5, 1, 2));
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->name, "inner");
  EXPECT_EQ(span->parent, restored.Find(Key(5, 1, 1)));
  EXPECT_TRUE(span->bare.Has(0));
  EXPECT_EQ(span->origin->identity.pid, 105);
  EXPECT_EQ(span->received_boottime_nano, 12u);
}

TEST_F(SpanTableTest, CountsTheResourceOfEachSpanUntilItsEnd) {
  const RecordView start = View(StartRecord(1, 1));
  Origin origin = *OriginOf(5);
  origin.resource.assign(10'000, 'r');
  const auto shared = std::make_shared<const Origin>(origin);
  SpanTable table({10, 2 * SpanTable::BytesOf(start, *shared) - 5'000});
  EXPECT_EQ(table.Open(start, shared, 0), Result::kDone);
  EXPECT_EQ(table.Open(View(StartRecord(1, 2)), shared, 0), Result::kOverLimit);
  EXPECT_EQ(table.Open(View(StartRecord(1, 3)), OriginOf(5), 0), Result::kDone);
  table.Retire(table.Close(5, View(EndRecord(1, 1))));
  table.Retire(table.Close(5, View(EndRecord(1, 3))));
  EXPECT_EQ(table.Open(View(StartRecord(1, 2)), shared, 0), Result::kDone);
}

// The span ids of one uid in the order of a walk that passes so many at once, with `between` done
// after each piece.
std::vector<int> Walked(
    const SpanTable& table, uid_t uid, size_t most, const std::function<void()>& between = [] {}) {
  std::vector<int> walked;
  SpanTable::WalkPlace place;
  const auto note = [&](const Span& span) {
    walked.push_back(static_cast<uint8_t>(span.key.span_id.bytes.back()));
  };
  while (table.VisitSome(uid, most, &place, note)) between();
  return walked;
}

class SpanWalkTest : public SpanTableTest {
 protected:
  void Open(uid_t uid, uint8_t first, uint8_t last) {
    for (uint8_t span = first; span <= last; ++span) {
      table_.Apply(View(StartRecord(1, span)), OriginOf(uid), 0);
    }
  }
  void End(uid_t uid, uint8_t span) { table_.Apply(View(EndRecord(1, span)), OriginOf(uid), 0); }
};

TEST_F(SpanWalkTest, GivesOneUidsSpansInTheOrderTheyBegan) {
  Open(5, 1, 9);
  Open(6, 10, 12);
  for (const size_t most : {1, 2, 8, 9, 10, 100}) {
    EXPECT_THAT(Walked(table_, 5, most), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9)) << most;
  }
  EXPECT_THAT(Walked(table_, 6, 2), ElementsAre(10, 11, 12));
  EXPECT_THAT(Walked(table_, 7, 2), IsEmpty());
  EXPECT_THAT(table_.Uids(), ElementsAre(5, 6));
  EXPECT_EQ(table_.OpenCountOf(5), 9u);
  End(6, 11);
  EXPECT_THAT(Walked(table_, 6, 1), ElementsAre(10, 12));
}

TEST_F(SpanWalkTest, PassesNoMoreAtOnceThanItIsAskedTo) {
  Open(5, 1, 100);
  SpanTable::WalkPlace place;
  int visited = 0;
  EXPECT_TRUE(table_.VisitSome(5, 7, &place, [&](const Span&) { ++visited; }));
  EXPECT_EQ(visited, 7);
}

TEST_F(SpanWalkTest, GoesOnWhereItWasThoughSpansComeAndGo) {
  Open(5, 1, 9);
  uint8_t turn = 0;
  const auto walked = Walked(table_, 5, 3, [&] {
    ++turn;
    if (turn == 1) End(5, 3);  // the last that was passed
    if (turn == 1) End(5, 4);  // the next
    if (turn == 2)
      for (uint8_t span = 5; span <= 7; ++span) End(5, span);  // all that were
    Open(5, 100 + turn, 100 + turn);
  });
  EXPECT_THAT(walked, ElementsAre(1, 2, 3, 5, 6, 7, 8, 9)) << "none twice, none that came later";
}

TEST_F(SpanWalkTest, ASpanThatBeganAgainIsAnotherOne) {
  Open(5, 1, 3);
  End(5, 2);
  Open(5, 2, 2);
  EXPECT_THAT(Walked(table_, 5, 1), ElementsAre(1, 3, 2));
}

// An array of so many empty values, each of which is an object to a message.
std::string ResourceOfArray(size_t values) {
  std::string resource;
  StringWireWriter writer{StringSink(&resource)};
  const auto attribute = writer.Begin(1);
  writer.Bytes(1, "service.name");
  const auto value = writer.Begin(2);
  const auto array = writer.Begin(5);
  for (size_t i = 0; i < values; ++i) writer.Bytes(1, "");
  writer.End(array);
  writer.End(value);
  writer.End(attribute);
  return resource;
}

TEST_F(SpanTableTest, ACheckpointHoldsTheSendersBytesAsTheyAre) {
  Origin origin = *OriginOf(5);
  origin.resource = ResourceOfArray(5);
  origin.resource += {'\x0a', '\x80', '\x00'};  // a length that is longer than it need be
  origin.identity.comm = "not \xff text";
  origin.identity.unit = "a.service";
  const auto shared = std::make_shared<const Origin>(origin);
  table_.Apply(View(StartRecord(1, 1)), shared, 0);
  table_.Apply(View(StartRecord(2, 2)), OriginOf(6), 0);
  std::string checkpoint;
  SaveOpenSpans(table_, &checkpoint);

  SpanTable restored;
  RestoreOpenSpans(checkpoint, &restored);
  ASSERT_EQ(restored.size(), 2u);
  EXPECT_EQ(*restored.Find(Key(5, 1, 1))->origin, origin);
  SpanTable own;
  RestoreOpenSpans(OpenSpansOf(6, checkpoint), &own);
  EXPECT_EQ(own.size(), 1u);
  EXPECT_NE(own.Find(Key(6, 2, 2)), nullptr);
}

TEST_F(SpanTableTest, AnAbortedEndClosesTheSpanWithItsCause) {
  table_.Apply(View(StartRecord(1, 1)), OriginOf(5), 0);
  const std::string end =
      EncodeAbortedEnd(*table_.Find(Key(5, 1, 1)),
                       {.cause = "signal 9 (SIGKILL)", .time = {.unix_nano = 3'000'000'000}});
  const auto span = table_.Close(5, *ReadRecord(end));
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->view().status, StatusCode::kError);
  EXPECT_EQ(span->view().status_message, "aborted: signal 9 (SIGKILL)");
  EXPECT_EQ(span->view().end_unix_nano, 3'000'000'000u);
  EXPECT_EQ(span->end_unix_nano, 3'000'000'000u);
  EXPECT_EQ(ReadAttribute(*span->view().attributes().begin()).key, kAbortCauseAttribute);
}

}  // namespace
}  // namespace sluice::live
