#include "agent/net/grpc/frame.h"

#include <vector>

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

using Next = MessageReader::Next;

std::string Encode(std::initializer_list<std::string_view> messages) {
  std::string out;
  for (const std::string_view message : messages) AppendMessage(message, &out);
  return out;
}

TEST(AppendMessageTest, PutsTheFlagAndTheBigEndianLengthInFront) {
  EXPECT_EQ(Encode({"ab"}), std::string("\0\0\0\0\2ab", 7));
  EXPECT_EQ(Encode({std::string(0x010203, 'x')}).substr(0, 5), std::string("\0\0\1\2\3", 5));
}

class MessageReaderTest : public ::testing::Test {
 protected:
  // Feeds `wire` in pieces of `piece` bytes; returns the messages and the last result.
  std::pair<std::vector<std::string>, Next> Read(const std::string& wire, size_t piece) {
    std::vector<std::string> messages;
    Next next = Next::kNeedMore;
    for (size_t at = 0; at < wire.size(); at += piece) {
      std::string_view bytes = std::string_view(wire).substr(at, piece);
      std::string_view message;
      while ((next = reader_.Read(&bytes, &message)) == Next::kMessage) {
        messages.emplace_back(message);
      }
      if (next != Next::kNeedMore) break;
    }
    return {messages, next};
  }

  SpareBuffer spare_;
  MessageReader reader_{1000, &spare_};
};

TEST_F(MessageReaderTest, FindsTheSameMessagesHoweverTheBytesAreCut) {
  const std::vector<std::string> expected = {"", "a", std::string(1000, 'b'), "", "cd"};
  const std::string wire =
      Encode({expected[0], expected[1], expected[2], expected[3], expected[4]});
  for (size_t piece = 1; piece <= wire.size(); ++piece) {
    EXPECT_EQ(Read(wire, piece), std::pair(expected, Next::kNeedMore)) << piece;
    EXPECT_FALSE(reader_.in_message()) << piece;
  }
}

TEST_F(MessageReaderTest, DoesNotCopyAMessageThatLiesInOnePiece) {
  const std::string wire = Encode({"first", "second"});
  std::string_view bytes = wire;
  std::string_view message;
  ASSERT_EQ(reader_.Read(&bytes, &message), Next::kMessage);
  EXPECT_EQ(message.data(), wire.data() + kMessagePrefixBytes);
}

TEST_F(MessageReaderTest, RefusesAMessageAboveTheLimitBeforeItsBytesCome) {
  EXPECT_EQ(Read(Encode({std::string(999, 'x')}), 7).second, Next::kNeedMore);
  EXPECT_EQ(Read(Encode({std::string(1000, 'x')}), 7).second, Next::kNeedMore);
  EXPECT_EQ(Read(Encode({std::string(1001, 'x')}).substr(0, 5), 5).second, Next::kTooLarge);
}

TEST_F(MessageReaderTest, RefusesACompressedMessage) {
  EXPECT_EQ(Read(std::string("\1\0\0\0\1x", 6), 6).second, Next::kCompressed);
}

TEST_F(MessageReaderTest, KnowsWhetherAMessageIsUnderWay) {
  EXPECT_FALSE(reader_.in_message());
  Read(std::string(1, '\0'), 1);
  EXPECT_TRUE(reader_.in_message());
  Read(std::string("\0\0\0\2x", 5), 5);
  EXPECT_TRUE(reader_.in_message());
  Read("y", 1);
  EXPECT_FALSE(reader_.in_message());
}

TEST(MessageReaderMemoryTest, HoldsMemoryForWhatCameAndNotForWhatWasAnnounced) {
  SpareBuffer spare;
  MessageReader reader(64 * 1024 * 1024, &spare);
  std::string wire = Encode({std::string(32 * 1024 * 1024, 'x')}).substr(0, 100'000);
  std::string_view bytes = wire;
  std::string_view message;
  EXPECT_EQ(reader.Read(&bytes, &message), Next::kNeedMore);
  EXPECT_LE(reader.held_bytes(), 200'000u);
}

// Of a request of many spans most would be copied again and again as it comes.
TEST(MessageReaderMemoryTest, SeldomCopiesWhatCame) {
  constexpr size_t kPiece = 16 * 1024;
  SpareBuffer spare;
  MessageReader reader(64 * 1024 * 1024, &spare);
  const std::string wire = Encode({std::string(32 * kPiece, 'x')});
  size_t copied = 0;
  for (size_t at = 0, held = 0; at < wire.size(); at += kPiece) {
    std::string_view bytes = std::string_view(wire).substr(at, kPiece);
    std::string_view message;
    reader.Read(&bytes, &message);
    if (at > 0 && reader.held_bytes() != held) copied += at;
    held = reader.held_bytes();
  }
  EXPECT_LE(copied, wire.size() / 3);
}

TEST_F(MessageReaderTest, GivesItsBufferBackAfterTheMessage) {
  Read(Encode({std::string(900, 'x'), "y"}), 300);
  EXPECT_LE(reader_.held_bytes(), 16u);
  EXPECT_GE(spare_.Take().capacity(), 900u);
}

TEST(MessageReaderSizeTest, HoldsNoMoreThanTheMessage) {
  constexpr size_t kBytes = 1'000'003;
  SpareBuffer spare;
  MessageReader reader(kBytes, &spare);
  const std::string wire = Encode({std::string(kBytes, 'x')});
  for (size_t at = 0; at < wire.size(); at += 10'000) {
    std::string_view bytes = std::string_view(wire).substr(at, 10'000);
    std::string_view message;
    reader.Read(&bytes, &message);
    EXPECT_LE(reader.held_bytes(), kBytes);
  }
  EXPECT_TRUE(reader.holds_message());
  EXPECT_EQ(reader.TakeMessage(), std::string(kBytes, 'x'));
  EXPECT_FALSE(reader.holds_message());
  EXPECT_LT(reader.held_bytes(), 100u);
}

TEST(MessageReaderSizeTest, TakesCompressedMessagesWhereToldTo) {
  SpareBuffer spare;
  MessageReader reader(10, &spare, /*takes_compressed=*/true);
  std::string_view message;
  const std::string wire("\1\0\0\0\1x\0\0\0\0\1y\2\0\0\0\0", 17);
  std::string_view bytes = wire;
  EXPECT_EQ(reader.Read(&bytes, &message), Next::kMessage);
  EXPECT_TRUE(reader.is_compressed());
  EXPECT_EQ(reader.Read(&bytes, &message), Next::kMessage);
  EXPECT_FALSE(reader.is_compressed());
  EXPECT_EQ(reader.Read(&bytes, &message), Next::kCompressed);
}

}  // namespace
}  // namespace sluice::net
