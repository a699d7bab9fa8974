#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "proto/record/attribute_writer.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

std::string Encode(auto write) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  write(writer);
  return encoded;
}

bool Reads(std::string_view encoded) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
  }
  return reader.ok();
}

WireField ReadOne(std::string_view encoded) {
  WireReader reader(encoded);
  WireField field;
  EXPECT_TRUE(reader.Next(&field));
  WireField none;
  EXPECT_FALSE(reader.Next(&none));
  EXPECT_TRUE(reader.ok());
  return field;
}

std::string Groups(int depth) {
  return std::string(static_cast<size_t>(depth), '\x0b') +
         std::string(static_cast<size_t>(depth), '\x0c');
}

TEST(WireReaderTest, ReadsWhatTheWriterWrites) {
  const std::string encoded = Encode([](auto& writer) {
    writer.Varint(1, 300);
    writer.Fixed64(2, 0x0102030405060708);
    writer.Bytes(3, "text");
    writer.Fixed32(4, 77);
    writer.Double(1000, -0.5);
  });
  WireReader reader(encoded);
  WireField field;
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.tag, WireTag(1, WireType::kVarint));
  EXPECT_EQ(field.scalar, 300u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.scalar, 0x0102030405060708u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.bytes, "text");
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.scalar, 77u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.number(), 1000u);
  EXPECT_EQ(field.as_double(), -0.5);
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_TRUE(reader.ok());
}

TEST(WireReaderTest, RoundTripsVarintsOfEveryLength) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t value : {uint64_t{1} << bits, (uint64_t{1} << bits) - 1}) {
      const std::string encoded = Encode([&](auto& writer) { writer.Varint(1, value); });
      EXPECT_EQ(encoded.size(), 1 + VarintSize(value));
      EXPECT_EQ(ReadOne(encoded).scalar, value);
    }
  }
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(ReadOne(Encode([](auto& writer) { writer.Varint(1, kMax); })).scalar, kMax);
}

TEST(WireReaderTest, RejectsAVarintOfMoreThan64Bits) {
  EXPECT_TRUE(Reads("\x08" + std::string(9, '\xff') + "\x01"));
  EXPECT_FALSE(Reads("\x08" + std::string(9, '\xff') + "\x02"));
  EXPECT_FALSE(Reads("\x08" + std::string(10, '\x80') + "\x01"));
}

TEST(WireReaderTest, RejectsATagOrLengthOfMoreThanFiveBytes) {
  using namespace std::string_literals;
  EXPECT_TRUE(Reads("\x88\x80\x80\x80\x00\x01"s));
  EXPECT_FALSE(Reads("\x88\x80\x80\x80\x80\x00\x01"s));
  EXPECT_TRUE(Reads("\x0a\x81\x80\x80\x80\x00x"s));
  EXPECT_FALSE(Reads("\x0a\x81\x80\x80\x80\x80\x00x"s));
}

TEST(WireReaderTest, RejectsFieldNumberZeroAndUnknownTypes) {
  using namespace std::string_literals;
  EXPECT_FALSE(Reads("\x00\x01"s));
  EXPECT_FALSE(Reads("\x0e"));
  EXPECT_FALSE(Reads("\x0f"));
  EXPECT_FALSE(Reads("\x0c"));
}

TEST(WireReaderTest, RejectsEveryCut) {
  const std::string encoded = Encode([](auto& writer) {
    writer.Varint(1, 300);
    writer.Fixed64(2, 1);
    writer.Bytes(300, std::string(200, 'x'));
    writer.Fixed32(4, 1);
  });
  int whole = 0;
  for (size_t size = 0; size <= encoded.size(); ++size) whole += Reads(encoded.substr(0, size));
  EXPECT_EQ(whole, 5) << "only cuts between fields read";
}

TEST(WireReaderTest, StepsOverGroupsToALimitOfDepth) {
  EXPECT_EQ(ReadOne(Groups(1)).type(), WireType::kGroup);
  EXPECT_TRUE(Reads(Groups(16)));
  EXPECT_FALSE(Reads(Groups(17)));
  EXPECT_FALSE(Reads("\x0b\x14")) << "ended as another group";
  EXPECT_FALSE(Reads("\x0b\x08\x01")) << "not ended";
  EXPECT_TRUE(Reads("\x0b\x08\x01\x12\x01x\x0c"));
}

TEST(WireReaderTest, StaysAtTheErrorOnceThereIsOne) {
  WireReader reader("\x0f\x08\x01");
  WireField field;
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_FALSE(reader.ok());
}

TEST(WireWriterTest, CopiesStringsOfEveryShortLength) {
  const std::string text = "0123456789abcdefghijklmnopqrstuvwxyz";
  for (size_t size = 0; size <= text.size(); ++size) {
    const std::string encoded =
        Encode([&](auto& writer) { writer.Bytes(1, text.substr(0, size)); });
    EXPECT_EQ(ReadOne(encoded).bytes, text.substr(0, size));
    EXPECT_EQ(encoded.size(), BytesFieldSize(1, size));
  }
}

TEST(WireWriterTest, PadsALengthToItsWidth) {
  const std::string encoded = Encode([](auto& writer) {
    const auto mark = writer.Begin(1, 3);
    writer.Raw("abc");
    writer.End(mark);
  });
  using namespace std::string_literals;
  EXPECT_EQ(encoded, "\x0a\x83\x80\x00"s + "abc");
  EXPECT_EQ(ReadOne(encoded).bytes, "abc");
}

TEST(WireWriterTest, MovesContentWhoseLengthNeedsMoreRoom) {
  for (const size_t size : {127, 128, 16383, 16384}) {
    const std::string content(size, 'x');
    const std::string encoded = Encode([&](auto& writer) {
      const auto outer = writer.Begin(1);
      const auto inner = writer.Begin(2);
      writer.Raw(content);
      writer.End(inner);
      writer.End(outer);
    });
    EXPECT_EQ(ReadOne(ReadOne(encoded).bytes).bytes, content);
    EXPECT_EQ(encoded.size(), BytesFieldSize(1, BytesFieldSize(2, size)));
  }
}

TEST(WireWriterTest, FillsABufferToItsLastByteAndNoFurther) {
  std::vector<char> buffer(5);
  BufferWireWriter writer(BufferSink(buffer.data(), buffer.size()));
  writer.Bytes(1, "abc");
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(writer.size(), 5u);
  writer.Varint(2, 1);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 5u);
}

TEST(WireWriterTest, GoesOnAfterTruncate) {
  std::vector<char> buffer(5);
  BufferWireWriter writer(BufferSink(buffer.data(), buffer.size()));
  writer.Varint(1, 1);
  const size_t kept = writer.size();
  writer.Bytes(2, "too long");
  writer.Varint(3, 1);
  EXPECT_FALSE(writer.ok());
  writer.Truncate(kept);
  EXPECT_TRUE(writer.ok());
  writer.Varint(3, 7);
  EXPECT_EQ(std::string_view(buffer.data(), writer.size()), "\x08\x01\x18\x07");
}

TEST(WireWriterTest, DoesNotCloseAMessageThatRanOver) {
  std::vector<char> buffer(4, '?');
  BufferWireWriter writer(BufferSink(buffer.data(), 2));
  const auto mark = writer.Begin(1);
  writer.Raw("x");
  writer.End(mark);
  EXPECT_FALSE(writer.ok());
  EXPECT_THAT(std::vector(buffer.begin() + 2, buffer.end()), ElementsAre('?', '?'));
}

TEST(AttributeWriterTest, EncodesEveryTypeAtItsExactSize) {
  const std::string encoded = Encode([](auto& writer) {
    WriteStringAttribute(writer, 9, "s", "text");
    WriteBytesAttribute(writer, 9, "b", "\x01");
    WriteBoolAttribute(writer, 9, "t", true);
    WriteIntAttribute(writer, 9, "i", -1);
    WriteDoubleAttribute(writer, 9, "d", 2.5);
  });
  std::vector<WireField> values;
  WireReader attributes(encoded);
  for (WireField attribute; attributes.Next(&attribute);) {
    WireReader pair(attribute.bytes);
    WireField key, value;
    ASSERT_TRUE(pair.Next(&key) && pair.Next(&value));
    EXPECT_EQ(pair.position(), attribute.bytes.data() + attribute.bytes.size());
    values.push_back(ReadOne(value.bytes));
  }
  ASSERT_TRUE(attributes.ok());
  ASSERT_EQ(values.size(), 5u);
  EXPECT_EQ(values[0].bytes, "text");
  EXPECT_EQ(values[1].tag, WireTag(any_value_field::kBytesValue, WireType::kBytes));
  EXPECT_EQ(values[2].scalar, 1u);
  EXPECT_EQ(static_cast<int64_t>(values[3].scalar), -1);
  EXPECT_EQ(values[4].as_double(), 2.5);
}

}  // namespace
}  // namespace sluice
