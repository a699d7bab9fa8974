#include "client/src/send/outbox.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"

namespace sluice {
namespace {

constexpr size_t kRingBytes = 64 * 1024;

class OutboxTest : public ::testing::Test {
 protected:
  ~OutboxTest() override {
    ring_->Unmap();
    delete ring_;
  }

  void Emit(std::string_view record) {
    char* const bytes = ring_->Reserve(record.size());
    ASSERT_NE(bytes, nullptr);
    std::memcpy(bytes, record.data(), record.size());
    ring_->Commit(bytes, record.size());
  }
  // Three records that the agent was sent as one batch, numbered by what they say.
  void SendThree(char first) {
    for (char name = first; name < first + 3; ++name) Emit({&name, 1});
    Take();
  }
  std::string Take() {
    std::string message;
    outbox_.TakeBatch(outbox_.PlanBatch({}), &message);
    return message;
  }
  std::string Unacknowledged() {
    std::string all;
    outbox_.ForEachUnacknowledged([&](std::string_view record) { all += record; });
    return all;
  }
  static uint64_t FirstSequence(std::string_view message) {
    WireReader client_message(message);
    WireField batch, field;
    if (!client_message.Next(&batch)) return 0;
    WireReader fields(batch.bytes);
    return fields.Next(&field) && field.number() == batch_field::kFirstSequence ? field.scalar : 0;
  }

  Ring* const ring_ = Ring::Create(kRingBytes);
  Outbox outbox_{ring_};
};

TEST_F(OutboxTest, FreesWhatIsAcknowledgedWhereverInABatchThatEnds) {
  SendThree('a');
  SendThree('d');
  outbox_.Acknowledge(3);
  EXPECT_EQ(Unacknowledged(), "def");
  outbox_.Acknowledge(5);
  EXPECT_EQ(Unacknowledged(), "f");
  outbox_.Acknowledge(4);  // what is older says nothing
  EXPECT_EQ(outbox_.acked(), 5u);
  outbox_.Acknowledge(6);
  EXPECT_EQ(Unacknowledged(), "");
  EXPECT_FALSE(outbox_.has_unacknowledged());
}

TEST_F(OutboxTest, FreesSeveralBatchesAtOnce) {
  SendThree('a');
  SendThree('d');
  SendThree('g');
  outbox_.Acknowledge(8);
  EXPECT_EQ(Unacknowledged(), "i");
  EXPECT_EQ(outbox_.acked(), 8u);
}

TEST_F(OutboxTest, SendsUnderTheSameNumbersAfterTheConnectionBroke) {
  SendThree('a');
  SendThree('d');
  outbox_.Acknowledge(2);
  outbox_.Rewind();
  outbox_.Acknowledge(4);  // an earlier connection carried it
  EXPECT_EQ(Unacknowledged(), "ef");
  EXPECT_EQ(FirstSequence(Take()), 5u);
  outbox_.Acknowledge(6);
  EXPECT_EQ(Unacknowledged(), "");
}

TEST_F(OutboxTest, HasMuchUnsentFromAnEighthOfASmallRing) {
  const std::string record(kRingBytes / 8 - 16, 'x');
  Emit(record);
  EXPECT_FALSE(outbox_.has_much_unsent());
  Emit("y");
  EXPECT_TRUE(outbox_.has_much_unsent());
  Take();
  EXPECT_FALSE(outbox_.has_much_unsent());
}

}  // namespace
}  // namespace sluice
