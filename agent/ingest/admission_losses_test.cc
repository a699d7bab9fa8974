// What admission makes of a client's losses.
#include <string>
#include <vector>

#include "agent/ingest/admission.h"
#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "tests/support/admission_fixture.h"

namespace sluice::ingest {
namespace {

using testing::EventRecord;

v1::Batch BatchWithLosses(const std::vector<std::string>& reasons) {
  v1::Batch batch;
  batch.set_first_sequence(1);
  for (const std::string& reason : reasons) {
    v1::Drop* const loss = batch.add_client_losses();
    loss->set_reason(reason);
    loss->set_count(batch.client_losses_size());
  }
  return batch;
}

TEST_F(AdmissionTest, HandsOnWhatAClientLostWithAndWithoutRecords) {
  const Sender sender = SenderOf(5, 1);
  const auto admit = [&](const v1::Batch& batch) {
    return admission_->Admit(sender, batch.SerializeAsString(), journal::Urgency::kGrouped);
  };
  v1::Batch batch = BatchWithLosses({"ring_full", "é"});
  const auto alone = admit(batch);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->client_losses, (LossTotals{{"ring_full", 1}, {"é", 2}}));
  EXPECT_EQ(alone->last_sequence, 0u);
  *batch.add_records() = EventRecord("a");
  EXPECT_EQ(admit(batch)->client_losses.size(), 2u);
  EXPECT_EQ(admit(batch)->client_losses.size(), 2u) << "sent again";
  EXPECT_TRUE(Admit(sender, 2, {EventRecord("b")}).client_losses.empty());
}

TEST_F(AdmissionTest, RefusesABatchWhoseLossesAreNone) {
  const auto why = [&](const v1::Batch& batch) {
    return std::string(
        admission_
            ->Admit(SenderOf(5, 1), batch.SerializePartialAsString(), journal::Urgency::kGrouped)
            .status()
            .message());
  };
  EXPECT_EQ(why(BatchWithLosses({std::string(limits::kLossReasonBytes, 'a')})), "");
  EXPECT_EQ(why(BatchWithLosses({std::string(limits::kLossReasonBytes + 1, 'a')})),
            "client_losses: a reason has 1 to 64 bytes");
  EXPECT_EQ(why(BatchWithLosses({""})), "client_losses: a reason has 1 to 64 bytes");
  EXPECT_EQ(why(BatchWithLosses({"1", "2", "3", "4", "5", "6", "7", "8", "8"})), "");
  EXPECT_EQ(why(BatchWithLosses({"1", "2", "3", "4", "5", "6", "7", "8", "9"})),
            "client_losses: more than 8 reasons");
  EXPECT_EQ(why(BatchWithLosses({"\xff"})), "sluice.v1.Drop.reason is not UTF-8");
}

}  // namespace
}  // namespace sluice::ingest
