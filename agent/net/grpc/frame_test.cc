#include "agent/net/grpc/frame.h"

#include <algorithm>
#include <cstring>
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

// Reads a message as it comes, its first bytes elsewhere and the rest to its place.
class MessageRoomTest : public ::testing::Test {
 protected:
  void Announce(size_t size, size_t first) {
    text_ = std::string(size, 'x');
    for (size_t i = 0; i < size; ++i) text_[i] = static_cast<char>(i * 31 + i / 251);
    wire_ = Encode({text_});
    Give({wire_.data(), kMessagePrefixBytes + first});
  }
  // The next bytes, which lie where there is room for them.
  void Fill(size_t wanted) {
    const std::span<char> room = reader_.Room(wanted);
    const size_t size = std::min(wanted, room.size());
    std::memcpy(room.data(), wire_.data() + taken_, size);
    Give({room.data(), size});
  }
  void Give(std::string_view bytes) {
    taken_ += bytes.size();
    next_ = reader_.Read(&bytes, &message_);
  }

  SpareBuffer spare_;
  MessageReader reader_{64 * 1024 * 1024, &spare_};
  std::string text_;
  std::string wire_;
  size_t taken_ = 0;
  std::string_view message_;
  Next next_ = Next::kNeedMore;
};

TEST_F(MessageRoomTest, HasNoRoomButWithinAMessage) {
  EXPECT_TRUE(reader_.Room(100).empty());
  Give(std::string_view("\0\0\0", 3));
  EXPECT_TRUE(reader_.Room(100).empty());
  Give(std::string_view("\0\2a", 3));
  EXPECT_EQ(reader_.missing_bytes(), 1u);
  EXPECT_EQ(reader_.Room(100).size(), 1u);
  Give("b");
  EXPECT_TRUE(reader_.Room(100).empty());
}

TEST_F(MessageRoomTest, LeavesWhatLiesInItsRoomWhereItIs) {
  Announce(100'000, 1000);
  const char* const begin = reader_.Room(60'000).data() - 1000;
  EXPECT_GE(reader_.Room(60'000).size(), 60'000u);
  Fill(40'000);
  EXPECT_EQ(reader_.Room(1).data(), begin + 41'000);
  // What came elsewhere is put there as well.
  Give({wire_.data() + taken_, 10});
  Fill(100'000);
  ASSERT_EQ(next_, Next::kMessage);
  EXPECT_EQ(message_.data(), begin);
  EXPECT_EQ(message_, text_);
  EXPECT_EQ(reader_.TakeMessage(), text_);
}

TEST_F(MessageRoomTest, PutsInPlaceWhatLiesFurtherBehindInItsRoom) {
  Announce(100, 10);
  const std::span<char> room = reader_.Room(90);
  std::memcpy(room.data() + 20, wire_.data() + taken_, 70);
  Give({room.data() + 20, 70});
  Fill(20);
  ASSERT_EQ(next_, Next::kMessage);
  EXPECT_EQ(message_, text_);
}

TEST_F(MessageRoomTest, HoldsMemoryForWhatIsReadAtOnceAndNotForWhatWasAnnounced) {
  Announce(32 * 1024 * 1024, 4000);
  EXPECT_GE(reader_.Room(100'000).size(), 100'000u);
  EXPECT_LE(reader_.held_bytes(), 204'000u);
}

TEST_F(MessageRoomTest, SeldomCopiesWhatCame) {
  constexpr size_t kRead = 200'000;
  Announce(10 * kRead, 4000);
  size_t copied = 0;
  while (next_ == Next::kNeedMore) {
    const size_t held = reader_.held_bytes();
    const size_t size = taken_;
    Fill(kRead);
    if (reader_.held_bytes() != held) copied += size;
  }
  EXPECT_EQ(message_, text_);
  EXPECT_LE(copied, text_.size() / 3);
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
