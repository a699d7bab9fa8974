// What admission and recovery make of the owner of a batch's spans.
#include "agent/ingest/admission.h"
#include "gtest/gtest.h"
#include "tests/support/admission_fixture.h"
#include "tests/support/records.h"

namespace sluice::ingest {
namespace {

using testing::EncodeBatch;
using testing::EventRecord;
using testing::MakeId;
using testing::StartRecord;

class AdmissionOwnerTest : public AdmissionTest {};

constexpr SpanOwner kOwner{77, 9, 1'000};

Sender OwnedSender() {
  auto origin = std::make_shared<live::Origin>();
  origin->identity.uid = 5;
  origin->owner = kOwner;
  Sender sender{std::move(origin), std::nullopt};
  sender.client_id = MakeId<ClientId>(9);
  return sender;
}

// From the entries, from the checkpoint that the first restart wrote, and from that of the second.
TEST_F(AdmissionOwnerTest, TheOwnerOfASpanIsKnownAfterARestart) {
  admission_->set_wanted(
      [](const live::Candidate& candidate) { return candidate.record->level <= Level::kInfo; });
  v1::Record unwanted = StartRecord(1, 2);
  unwanted.set_level(v1::LEVEL_DEBUG);
  Admit(OwnedSender(), 1, {StartRecord(1, 1), unwanted});
  Admit(SenderOf(5), 0, {StartRecord(1, 3)});
  for (int restart = 0; restart < 3; ++restart) {
    const auto span = state_->spans.Find({5, MakeId<TraceId>(1), MakeId<SpanId>(1)});
    ASSERT_NE(span, nullptr);
    EXPECT_EQ(span->origin->owner, kOwner);
    const auto other = state_->spans.Find({5, MakeId<TraceId>(1), MakeId<SpanId>(3)});
    EXPECT_FALSE(other->origin->owner.is_set());
    const auto* dropped = state_->spans.FindDropped({5, MakeId<TraceId>(1), MakeId<SpanId>(2)});
    ASSERT_NE(dropped, nullptr);
    EXPECT_EQ(dropped->owner, kOwner);
    Restart();
  }
}

TEST_F(AdmissionOwnerTest, WhatHasAnOwnerEndsWithItAndNotWithItsSender) {
  admission_->set_wanted(
      [](const live::Candidate& candidate) { return candidate.record->level <= Level::kInfo; });
  v1::Record unwanted = StartRecord(1, 2);
  unwanted.set_level(v1::LEVEL_DEBUG);
  Admit(OwnedSender(), 1, {StartRecord(1, 1), unwanted});
  Admit(SenderOf(5), 0, {StartRecord(1, 3)});
  admission_->ForgetDropped(0, 0);  // who sent it
  EXPECT_TRUE(state_->spans.has_dropped());
  EXPECT_TRUE(admission_->EndOwned([](uid_t, const SpanOwner&) { return false; }, "ttl"));
  EXPECT_EQ(state_->spans.size(), 2u);
  EXPECT_TRUE(admission_->EndOwned(
      [](uid_t uid, const SpanOwner& owner) { return uid == 5 && owner == kOwner; }, "ttl"));
  EXPECT_FALSE(state_->spans.has_dropped());
  EXPECT_EQ(state_->spans.size(), 1u) << "the one without an owner";
  EXPECT_EQ(counters_.Total("spans.aborted"), 1u);
}

TEST_F(AdmissionOwnerTest, ABatchWhoseOwnerIsNoneIsTakenOnlyWhereItIsThere) {
  Sender sender = OwnedSender();
  Admit(sender, 1, {StartRecord(1, 1)});
  sender.owner_fault = absl::FailedPreconditionError("no such process");
  EXPECT_EQ(Admit(sender, 1, {StartRecord(1, 1)}).accepted, 1u);
  for (const auto& batch : {EncodeBatch(1, {StartRecord(1, 1), EventRecord("new")}),
                            EncodeBatch(2, {EventRecord("new")}), EncodeBatch(2, {})}) {
    EXPECT_EQ(admission_->Admit(sender, batch, journal::Urgency::kGrouped).status(),
              sender.owner_fault);
  }
  EXPECT_EQ(Journalled().size(), 1u);
}

}  // namespace
}  // namespace sluice::ingest
