#include "agent/journal/segment_reader.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/crc32c.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/faulty_file_system.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kPath[] = "/journal/segment";

class SegmentReaderTest : public ::testing::Test {
 protected:
  SegmentReaderTest() {
    for (size_t i = 0; i < header_.epoch.bytes.size(); ++i) header_.epoch.bytes[i] = 7;
    header_.boot_id = "boot";
    header_.generation = 5;
    bytes_ = EncodeSegmentHeader(header_);
  }

  void AddBatch(uint64_t sequence, std::string_view payload, uint32_t generation = 5) {
    FrameHeader frame;
    frame.sequence = sequence;
    frame.generation = generation;
    AppendFrame(frame, {payload}, FrameSeed(header_.epoch), &bytes_);
  }
  // Sequences of the sound entries, damage skipped.
  std::vector<uint64_t> ReadSequences(FileSystem* fs, uint64_t last = 1000) {
    const auto reader = SegmentReader::Open(*fs, kPath, header_.epoch);
    std::vector<uint64_t> sequences;
    const uint64_t end = *(*reader)->FileBytes();
    while ((*reader)->offset() < end) {
      if (const auto frame = (*reader)->Read(end)) {
        sequences.push_back(frame->header.sequence);
      } else {
        (*reader)->Resynchronize(end, 1, last);
      }
    }
    return sequences;
  }
  std::vector<uint64_t> ReadSequences() {
    CrashFileSystem fs(DiskState{{kPath, bytes_}});
    return ReadSequences(&fs);
  }

  SegmentHeader header_;
  std::string bytes_;
};

TEST_F(SegmentReaderTest, ReadsBackHeaderAndEntries) {
  AddBatch(1, "one");
  AddBatch(2, "");
  CrashFileSystem fs(DiskState{{kPath, bytes_}});
  const auto reader = SegmentReader::Open(fs, kPath, Epoch{});
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE((*reader)->header().has_value());
  EXPECT_EQ((*reader)->header()->boot_id, "boot");
  EXPECT_EQ((*reader)->Read(bytes_.size())->payload, "one");
  EXPECT_EQ((*reader)->Read(bytes_.size())->payload, "");
  EXPECT_FALSE((*reader)->Read(bytes_.size()).has_value());
}

TEST_F(SegmentReaderTest, FindsTheNextEntryBehindEveryDamagedByte) {
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) AddBatch(sequence, "payload");
  const size_t frame_bytes = kFrameHeaderBytes + 7;
  const size_t second = kSegmentHeaderBytes + frame_bytes;
  for (size_t at = second; at < second + frame_bytes; ++at) {
    bytes_[at] ^= 0x5a;
    EXPECT_THAT(ReadSequences(), ElementsAre(1, 3)) << at - second;
    bytes_[at] ^= 0x5a;
  }
}

TEST_F(SegmentReaderTest, ReadsNothingOfACutEntry) {
  AddBatch(1, "one");
  AddBatch(2, "two");
  bytes_.pop_back();
  EXPECT_THAT(ReadSequences(), ElementsAre(1));
}

TEST_F(SegmentReaderTest, ADamagedHeaderCostsNoEntry) {
  AddBatch(1, "one");
  bytes_[20] ^= 1;
  EXPECT_THAT(ReadSequences(), ElementsAre(1));
}

TEST_F(SegmentReaderTest, EntriesOfAnEarlierLifeOfTheFileDoNotCount) {
  AddBatch(7, "new");
  AddBatch(8, "old", 4);
  AddBatch(9, "new");
  EXPECT_THAT(ReadSequences(), ElementsAre(7, 9));
  bytes_[20] ^= 1;  // of the header: the first entry tells the generation
  EXPECT_THAT(ReadSequences(), ElementsAre(7, 9));
}

TEST_F(SegmentReaderTest, FramesAreStampedAnewForAnotherSegment) {
  const size_t begin = bytes_.size();
  AddBatch(1, "one", 4);
  AddBatch(2, "two", 4);
  std::string frames = bytes_.substr(begin);
  Restamp(5, FrameSeed(header_.epoch), &frames);
  bytes_.replace(begin, frames.size(), frames);
  EXPECT_THAT(ReadSequences(), ElementsAre(1, 2));
}

TEST_F(SegmentReaderTest, AHeaderOfAnotherVersionIsToldFromADamagedOne) {
  EXPECT_EQ(ForeignVersion(bytes_), 0u);
  const auto with_version = [&](uint32_t version, uint32_t header_bytes, size_t size) {
    std::string header = bytes_;
    std::memcpy(header.data() + 8, &version, sizeof(version));
    std::memcpy(header.data() + 12, &header_bytes, sizeof(header_bytes));
    header.resize(size - sizeof(uint32_t), 'x');
    const uint32_t crc = Crc32c(header);
    header.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
    return header;
  };
  EXPECT_EQ(ForeignVersion(with_version(1, 0, 176)), 1u) << "the first said nothing of its length";
  EXPECT_EQ(ForeignVersion(with_version(3, 500, 500) + "entries"), 3u);
  EXPECT_EQ(ForeignVersion(with_version(3, 501, 500)), 0u);
  std::string damaged = with_version(3, 500, 500);
  damaged[9] ^= 1;
  EXPECT_EQ(ForeignVersion(damaged), 0u);
  EXPECT_FALSE(DecodeSegmentHeader(with_version(3, 180, 180)).has_value());
}

TEST_F(SegmentReaderTest, SentBytesCannotPassForAnEntryBehindDamage) {
  std::string forged;
  FrameHeader frame;
  frame.sequence = 2;
  frame.uid = 0;
  frame.generation = 5;
  AppendFrame(frame, {"I am root"}, FrameSeed(Epoch{}), &forged);
  AddBatch(1, forged);
  AddBatch(3, "three");
  bytes_[kSegmentHeaderBytes] ^= 1;      // the checksum
  bytes_[kSegmentHeaderBytes + 4] ^= 1;  // and the length
  EXPECT_THAT(ReadSequences(), ElementsAre(3));
}

TEST_F(SegmentReaderTest, TheSearchBehindDamageIsBounded) {
  // Every few bytes claim to begin an entry that reaches to the end.
  std::string claims;
  while (claims.size() < 4 << 20) {
    const auto length = static_cast<uint32_t>((4 << 20) - claims.size());
    std::string claim(kFrameHeaderBytes, '\0');
    std::memcpy(claim.data() + 4, &length, sizeof(length));
    claim[8] = 5;   // sequence
    claim[20] = 5;  // generation
    claim[24] = 1;  // a batch
    claims += claim;
  }
  AddBatch(1, claims);
  bytes_[kSegmentHeaderBytes] ^= 1;
  bytes_[kSegmentHeaderBytes + 4] ^= 1;
  EXPECT_THAT(ReadSequences(), IsEmpty());
}

TEST_F(SegmentReaderTest, ABadSectorCostsOnlyTheEntriesOnIt) {
  for (uint64_t sequence = 1; sequence <= 100; ++sequence)
    AddBatch(sequence, std::string(200, 'x'));
  CrashFileSystem disk(DiskState{{kPath, bytes_}});
  FaultyFileSystem fs(&disk);
  // After open, header and size.
  fs.FailCall(3, EIO);
  EXPECT_EQ(ReadSequences(&fs).size(), 100u) << "read again by pages";
}

// Of each entry the payload, as it is once all have been read and their blocks were held.
class HeldEntriesTest : public SegmentReaderTest {
 protected:
  void ReadAndHold(FileSystem* fs) {
    const auto reader = SegmentReader::Open(*fs, kPath, header_.epoch);
    const uint64_t end = *(*reader)->FileBytes();
    std::vector<std::pair<std::string_view, SharedBlock>> held;
    while (const auto frame = (*reader)->Read(end)) {
      held.emplace_back(frame->payload, (*reader)->block());
    }
    ASSERT_EQ(held.size(), sizes_.size());
    for (size_t i = 0; i < sizes_.size(); ++i) {
      ASSERT_EQ(held[i].first, std::string(sizes_[i], static_cast<char>('a' + i % 26))) << i;
    }
  }
  void AddEntries() {
    for (size_t i = 0; i < sizes_.size(); ++i)
      AddBatch(i + 1, std::string(sizes_[i], static_cast<char>('a' + i % 26)));
  }

  std::vector<size_t> sizes_;
};

TEST_F(HeldEntriesTest, StayAsTheyAreWhileTheReaderGoesOn) {
  for (size_t i = 0; i < 200; ++i) sizes_.push_back(i * 7919 % 300'000);
  sizes_.push_back(3 << 20);
  sizes_.push_back(100);
  AddEntries();
  CrashFileSystem fs(DiskState{{kPath, bytes_}});
  ReadAndHold(&fs);
}

TEST_F(HeldEntriesTest, StayAsTheyAreWhereAPageBehindThemCannotBeRead) {
  sizes_.assign(20, 100'000);
  AddEntries();
  CrashFileSystem disk(DiskState{{kPath, bytes_}});
  for (int64_t call = 3; call < 10; ++call) {
    FaultyFileSystem fs(&disk);
    fs.FailCall(call, EIO);
    ReadAndHold(&fs);
    EXPECT_TRUE(fs.has_failed()) << call;
  }
}

}  // namespace
}  // namespace sluice::journal
