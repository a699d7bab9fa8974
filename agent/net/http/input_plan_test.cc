#include "agent/net/http/input_plan.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/h2_client.h"

namespace sluice::net {
namespace {

using ::sluice::testing::Frame;
using ::testing::ElementsAre;

constexpr int32_t kStream = 5;
constexpr uint8_t kData = 0;

std::string Head(size_t length, uint8_t flags = 0, int32_t stream = kStream) {
  return Frame(kData, flags, stream, std::string(length, ' ')).substr(0, 9);
}

class InputPlanTest : public ::testing::Test {
 protected:
  BodyRoom Room(size_t missing, size_t room) {
    return {.bytes = std::span(room_.data(), room), .missing = missing};
  }
  // As a read does.
  std::vector<std::string> Read(InputPlan& plan, std::string_view wire) {
    const size_t came = std::min(wire.size(), plan.size());
    std::string_view left = wire.substr(0, came);
    for (const iovec& place : plan.places()) {
      const size_t size = std::min(left.size(), place.iov_len);
      std::memcpy(place.iov_base, left.data(), size);
      left.remove_prefix(size);
    }
    const auto pieces = plan.Arrange(came);
    return {pieces.begin(), pieces.end()};
  }

  std::string room_ = std::string(1000, '-');
  std::string buffer_ = std::string(1000, '.');
};

TEST_F(InputPlanTest, PutsEverythingIntoTheBufferWithoutABody) {
  InputPlan plan(buffer_.data(), 10);
  EXPECT_EQ(plan.size(), 10u);
  EXPECT_THAT(Read(plan, "0123456789abc"), ElementsAre("0123456789"));
}

TEST_F(InputPlanTest, PutsTheRestOfAFrameIntoTheRoomAndTheRestBehindIt) {
  InputPlan plan({kStream, 20, 6}, Room(6, 6), buffer_.data(), 100);
  EXPECT_EQ(plan.size(), 100u);
  EXPECT_THAT(Read(plan, "abcdefnext"), ElementsAre("abcdef", "next"));
  EXPECT_EQ(room_.substr(0, 7), "abcdef-");
}

TEST_F(InputPlanTest, PutsNoMoreIntoTheRoomThanTheMessageLacks) {
  InputPlan plan({kStream, 20, 20}, Room(6, 6), buffer_.data(), 100);
  EXPECT_THAT(Read(plan, "abcdefmore of the frame"), ElementsAre("abcdef", "more of the frame"));
  EXPECT_EQ(room_.substr(0, 7), "abcdef-");
}

TEST_F(InputPlanTest, ExpectsFramesOfTheSameLengthUntilTheMessageEnds) {
  InputPlan plan({kStream, 4, 2}, Room(8, 8), buffer_.data(), 100);
  EXPECT_THAT(Read(plan, "ab" + Head(4) + "cdef" + Head(2, 1) + "ghbehind"),
              ElementsAre("ab", Head(4), "cdef", Head(2, 1), "gh", "behind"));
  EXPECT_EQ(room_.substr(0, 9), "abcdefgh-");
}

TEST_F(InputPlanTest, EndsWhereItsSizeDoes) {
  InputPlan within_content({kStream, 4, 2}, Room(8, 8), buffer_.data(), 13);
  EXPECT_EQ(within_content.size(), 13u);
  EXPECT_THAT(Read(within_content, "ab" + Head(4) + "cdef"), ElementsAre("ab", Head(4), "cd"));
  InputPlan within_head({kStream, 4, 2}, Room(8, 8), buffer_.data(), 5);
  EXPECT_EQ(within_head.size(), 5u);
  EXPECT_THAT(Read(within_head, "ab" + Head(4)), ElementsAre("ab", Head(4).substr(0, 3)));
}

TEST_F(InputPlanTest, PutsWhatThereIsNoRoomForIntoTheBuffer) {
  InputPlan plan({kStream, 4, 2}, Room(100, 4), buffer_.data(), 100);
  EXPECT_THAT(Read(plan, "ab" + Head(4) + "cdef" + Head(4)),
              ElementsAre("ab", Head(4), "cd", "ef" + Head(4)));
  EXPECT_EQ(room_.substr(0, 5), "abcd-");
}

TEST_F(InputPlanTest, ExpectsSoManyFramesAndNoMore) {
  InputPlan plan({kStream, 1, 1}, Room(900, 900), buffer_.data(), 1000);
  EXPECT_EQ(plan.places().size(), 2u + 2 * 16);
  std::string wire = "x";
  for (int i = 0; i < 30; ++i) wire += Head(1) + "x";
  EXPECT_EQ(Read(plan, wire).back(), wire.substr(wire.size() - 140));
}

// Whatever it is: the bytes come in order, and what was expected is of no consequence.
TEST_F(InputPlanTest, CopiesWhatCameInsteadOfAnExpectedFrame) {
  const std::string others[] = {
      Head(3),
      Head(5),
      Head(4, 8),  // padded
      Head(4, 0, kStream + 2),
      Frame(6, 0, 0, "12345678"),
      Frame(1, 4, kStream, "trailers"),
  };
  for (const std::string& other : others) {
    const std::string behind = other + std::string(60, 'b');
    InputPlan plan({kStream, 4, 2}, Room(50, 50), buffer_.data(), 300);
    EXPECT_THAT(Read(plan, "ab" + Head(4) + "cdef" + behind),
                ElementsAre("ab", Head(4), "cdef", behind));
  }
}

TEST_F(InputPlanTest, GivesTheSameBytesWhateverCameAndHoweverMuch) {
  std::minstd_rand random(7);
  for (int round = 0; round < 2000; ++round) {
    const auto upto = [&random](size_t most) { return random() % (most + 1); };
    std::string wire;
    for (size_t i = 0, frames = upto(25); i < frames; ++i) {
      const size_t length = upto(9) < 8 ? 12 : upto(20);
      wire += Head(length, static_cast<uint8_t>(upto(20) == 0 ? 8 : 0)) + std::string(length, 'x');
    }
    const size_t missing = 1 + upto(299);
    const size_t size = 1 + upto(499);
    InputPlan plan({kStream, 12, 1 + upto(11)}, Room(missing, 1 + upto(missing - 1)),
                   buffer_.data(), size);
    EXPECT_EQ(plan.size(), size);
    wire.erase(0, upto(wire.size()) / 10);
    wire.resize(upto(wire.size()));
    std::string got;
    for (const std::string& piece : Read(plan, wire)) got += piece;
    ASSERT_EQ(got, wire.substr(0, size)) << round;
  }
}

}  // namespace
}  // namespace sluice::net
