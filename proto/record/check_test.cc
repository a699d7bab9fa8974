#include "proto/record/check.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "proto/record/limits.h"
#include "proto/record/repair.h"
#include "proto/wire/writer.h"
#include "sluice/otlp/v1/resource.pb.h"
#include "sluice/v1/record.pb.h"

namespace sluice {
namespace {

using otlp::v1::AnyValue;
using otlp::v1::Resource;

v1::Record GoodSpan() {
  v1::Record record;
  record.set_target("app");
  auto* span = record.mutable_span();
  span->set_trace_id("0123456789abcdef");
  span->set_span_id("01234567");
  span->set_name("work");
  span->set_start_time_unix_nano(1);
  span->set_end_time_unix_nano(2);
  return record;
}

v1::Record GoodEvent() {
  v1::Record record;
  record.mutable_event()->mutable_body()->set_string_value("hello");
  return record;
}

void AddAttribute(v1::Record& record, const std::string& key, const std::string& value) {
  auto* attribute = record.has_span() ? record.mutable_span()->add_attributes()
                                      : record.mutable_event()->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

RecordVerdict Check(const v1::Record& record) { return CheckRecord(record.SerializeAsString()); }

TEST(CheckRecordTest, TellsTheSizesOfTheKeys) {
  for (v1::Record record : {GoodSpan(), GoodEvent()}) {
    EXPECT_EQ(Check(record).key_sizes & KeySizeBit("thirteen_char"), 0u);
    AddAttribute(record, "a_key_of_13_b", "value");
    AddAttribute(record, std::string(64 + 7, 'k'), "\xc3\xa9");
    EXPECT_NE(Check(record).key_sizes & KeySizeBit("thirteen_char"), 0u);
    EXPECT_NE(Check(record).key_sizes & KeySizeBit("7 bytes"), 0u);
  }
}

RecordFault FaultWith(const std::function<void(v1::Record&)>& change) {
  v1::Record record = GoodSpan();
  change(record);
  return Check(record).fault;
}

v1::Record Repaired(const v1::Record& record) {
  const std::string mended = RepairRecord(record.SerializeAsString());
  EXPECT_EQ(CheckRecord(mended).fault, RecordFault::kNone);
  EXPECT_FALSE(CheckRecord(mended).flaws.any());
  v1::Record parsed;
  EXPECT_TRUE(parsed.ParseFromString(mended));
  return parsed;
}

// Protobuf's own serializer refuses text that is not UTF-8, so such text is put in afterwards.
std::string Corrupted(std::string encoded, const std::string& text) {
  const size_t at = encoded.find(text);
  EXPECT_NE(at, std::string::npos);
  encoded[at] = '\xff';
  return encoded;
}

AnyValue NestedArrays(int depth) {
  AnyValue value;
  AnyValue* innermost = &value;
  for (int i = 0; i < depth; ++i) innermost = innermost->mutable_array_value()->add_values();
  innermost->set_int_value(1);
  return value;
}

TEST(CheckRecordTest, PassesWholeRecordsAndViewsThem) {
  const std::string encoded = GoodSpan().SerializeAsString();
  const RecordVerdict verdict = CheckRecord(encoded);
  EXPECT_EQ(verdict.fault, RecordFault::kNone);
  EXPECT_FALSE(verdict.flaws.any());
  EXPECT_EQ(verdict.view.span.name, "work");
  EXPECT_EQ(Check(GoodEvent()).fault, RecordFault::kNone);
}

TEST(CheckRecordTest, LimitsARecordsSize) {
  v1::Record record = GoodSpan();
  AddAttribute(record, "k", "");
  const size_t rest = record.ByteSizeLong();
  const auto grow_to = [&](size_t size) {
    std::string* value =
        record.mutable_span()->mutable_attributes(0)->mutable_value()->mutable_string_value();
    *value = std::string(size - rest, 'x');
    value->resize(value->size() - (record.ByteSizeLong() - size));
    ASSERT_EQ(record.ByteSizeLong(), size);
  };
  grow_to(limits::kRecordBytes);
  EXPECT_EQ(Check(record).fault, RecordFault::kNone);
  grow_to(limits::kRecordBytes + 1);
  EXPECT_EQ(Check(record).fault, RecordFault::kTooLarge);
}

TEST(CheckRecordTest, WantsTheIdsOfASpan) {
  const auto fault = [](auto set) {
    return FaultWith([&](v1::Record& record) { set(*record.mutable_span()); });
  };
  EXPECT_EQ(fault([](auto& s) { s.clear_trace_id(); }), RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](auto& s) { s.set_trace_id(std::string(16, '\0')); }),
            RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](auto& s) { s.set_trace_id(std::string(15, 'x')); }), RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](auto& s) { s.set_trace_id(std::string(17, 'x')); }), RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](auto& s) { s.clear_span_id(); }), RecordFault::kBadSpanId);
  EXPECT_EQ(fault([](auto& s) { s.set_span_id(std::string(8, '\0')); }), RecordFault::kBadSpanId);
  EXPECT_EQ(fault([](auto& s) { s.set_span_id("1234567"); }), RecordFault::kBadSpanId);
  EXPECT_EQ(fault([](auto& s) { s.set_parent_span_id("1234567"); }), RecordFault::kBadParentId);
  EXPECT_EQ(fault([](auto& s) { s.set_parent_span_id("12345678"); }), RecordFault::kNone);
  EXPECT_EQ(fault([](auto& s) { s.add_links()->set_trace_id("short"); }), RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](auto& s) { s.add_links()->set_span_id("short"); }), RecordFault::kBadSpanId);
}

TEST(CheckRecordTest, LetsAnEventBeOutsideAnyTrace) {
  v1::Record record = GoodEvent();
  record.mutable_event()->set_span_id("01234567");
  EXPECT_EQ(Check(record).fault, RecordFault::kBadTraceId) << "a span of no trace";
  record.mutable_event()->set_trace_id("0123456789abcdef");
  EXPECT_EQ(Check(record).fault, RecordFault::kNone);
  record.mutable_event()->clear_span_id();
  EXPECT_EQ(Check(record).fault, RecordFault::kNone);
  record.mutable_event()->set_trace_id("short");
  EXPECT_EQ(Check(record).fault, RecordFault::kBadTraceId);
}

TEST(CheckRecordTest, WantsTheTimesOfTheKind) {
  const auto fault = [](v1::RecordKind kind, bool start, bool end) {
    return FaultWith([&](v1::Record& record) {
      record.set_kind(kind);
      if (!start) record.mutable_span()->clear_start_time_unix_nano();
      if (!end) record.mutable_span()->clear_end_time_unix_nano();
    });
  };
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN, true, true), RecordFault::kNone);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN, false, true), RecordFault::kBadTime);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN, true, false), RecordFault::kBadTime);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN_START, true, false), RecordFault::kNone);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN_START, false, false), RecordFault::kBadTime);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN_END, false, true), RecordFault::kNone);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN_END, false, false), RecordFault::kBadTime);
  EXPECT_EQ(fault(v1::RECORD_KIND_SPAN_UPDATE, false, false), RecordFault::kNone);
}

TEST(CheckRecordTest, WantsOneBodyOfTheKind) {
  EXPECT_EQ(CheckRecord("").fault, RecordFault::kNoBody);
  EXPECT_EQ(FaultWith([](v1::Record& record) { record.set_kind(v1::RECORD_KIND_EVENT); }),
            RecordFault::kNoBody);
  const std::string twice = GoodSpan().SerializeAsString() + GoodSpan().SerializeAsString();
  EXPECT_EQ(CheckRecord(twice).fault, RecordFault::kNoBody);
}

TEST(CheckRecordTest, RejectsEveryCutAndEveryWrongType) {
  v1::Record record = GoodSpan();
  AddAttribute(record, "key", "value");
  record.mutable_span()->add_events()->set_name("event");
  record.mutable_span()->add_links()->set_trace_state("a=b");
  record.mutable_span()->mutable_status()->set_message("status");
  const std::string encoded = record.SerializeAsString();
  ASSERT_EQ(CheckRecord(encoded).fault, RecordFault::kNone);
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_NE(CheckRecord(encoded.substr(0, size)).fault, RecordFault::kNone) << size;
  }
  EXPECT_EQ(CheckRecord(encoded + "\x08\x01").fault, RecordFault::kNone);
  EXPECT_EQ(CheckRecord(encoded + "\x0d\x01\x01\x01\x01").fault, RecordFault::kMalformed)
      << "a kind of four bytes";
  EXPECT_EQ(CheckRecord(encoded + "\x42\x01x").fault, RecordFault::kNone) << "an unknown field";
}

TEST(CheckRecordTest, LimitsTheDepthOfValues) {
  v1::Record record = GoodEvent();
  *record.mutable_event()->mutable_body() = NestedArrays(limits::kValueDepth);
  EXPECT_EQ(Check(record).fault, RecordFault::kNone);
  *record.mutable_event()->mutable_body() = NestedArrays(limits::kValueDepth + 1);
  EXPECT_EQ(Check(record).fault, RecordFault::kMalformed);
  record = GoodSpan();
  auto* attribute = record.mutable_span()->add_attributes();
  *attribute->mutable_value() = NestedArrays(limits::kValueDepth + 1);
  EXPECT_EQ(Check(record).fault, RecordFault::kMalformed);
}

TEST(CheckRecordTest, NamesEveryFaultOnce) {
  EXPECT_EQ(RecordFaultName(RecordFault::kTooLarge), "record_too_large");
  EXPECT_EQ(RecordFaultName(RecordFault::kMalformed), "malformed");
  EXPECT_EQ(RecordFaultName(RecordFault::kBadTime), "bad_time");
}

// An attribute of a short ASCII key and text is judged in one look; one that differs in any byte is
// judged by the walk, and both must agree.
TEST(CheckRecordTest, JudgesAttributesAlikeHoweverTheyAreEncoded) {
  using namespace std::string_literals;
  const auto check = [](std::string_view attribute) {
    std::string span = GoodSpan().span().SerializeAsString();
    StringWireWriter(StringSink(&span)).Bytes(9, attribute);
    std::string encoded;
    StringWireWriter(StringSink(&encoded)).Bytes(6, span);
    return CheckRecord(encoded);
  };
  const std::string key = "\x0a\x08sluice.x";
  for (const std::string& attribute :
       {key + "\x12\x03\x0a\x01v", key + "\x12\x02\x18\x01", key + "\x12\x83\x00\x0a\x01v"s,
        "\x12\x03\x0a\x01v" + key, key, "\x0a\x01k" + key + "\x12\x03\x0a\x01v"}) {
    EXPECT_EQ(check(attribute).fault, RecordFault::kNone);
    EXPECT_EQ(check(attribute).flaws.reserved_attributes, 1);
    EXPECT_EQ(check(attribute + "\x12").fault, RecordFault::kMalformed);
  }
  EXPECT_EQ(check("\x0a\x01k\x12\x03\x0a\x02v").fault, RecordFault::kMalformed);
  EXPECT_EQ(check("\x0a\x01k\x12\x04\x0a\x01v").fault, RecordFault::kMalformed);
  EXPECT_EQ(check("\x0a\x05k\x12\x03\x0a\x01v").fault, RecordFault::kMalformed);
  EXPECT_EQ(check("\x0a\x7fk\x12\x03\x0a\x01v").fault, RecordFault::kMalformed);
  EXPECT_TRUE(check("\x0a\x01k\x12\x03\x0a\x01\xff").flaws.invalid_utf8);
  EXPECT_FALSE(check("\x0a\x01k\x12\x03\x3a\x01\xff").flaws.invalid_utf8) << "bytes";
}

TEST(CheckRecordTest, JudgesTextOfEveryLengthAroundTheShortForm) {
  for (const size_t size : {0, 1, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 300}) {
    v1::Record record = GoodSpan();
    AddAttribute(record, "k", std::string(size, 'v'));
    AddAttribute(record, "sluice." + std::string(size, 'k'), "");
    EXPECT_EQ(Check(record).fault, RecordFault::kNone) << size;
    EXPECT_EQ(Check(record).flaws.reserved_attributes, 1) << size;
    EXPECT_FALSE(Check(record).flaws.invalid_utf8) << size;
  }
}

TEST(RepairRecordTest, DropsReservedAttributesAndMovesTheMarks) {
  v1::Record record = GoodSpan();
  AddAttribute(record, "a", "1");
  AddAttribute(record, "sluice.uid", "0");
  AddAttribute(record, "b", "2");
  AddAttribute(record, "sluice", "3");
  record.add_bare_attributes(1);
  record.add_bare_attributes(2);
  auto* of_event = record.mutable_span()->add_events()->add_attributes();
  of_event->set_key("sluice.pid");
  EXPECT_EQ(Check(record).flaws.reserved_attributes, 2);
  const v1::Record mended = Repaired(record);
  ASSERT_EQ(mended.span().attributes_size(), 3);
  EXPECT_EQ(mended.span().attributes(1).key(), "b");
  EXPECT_EQ(mended.span().attributes(2).key(), "sluice");
  ASSERT_EQ(mended.bare_attributes_size(), 1);
  EXPECT_EQ(mended.bare_attributes(0), 1u) << "b moved up";
  EXPECT_EQ(mended.span().events(0).attributes_size(), 0);
  EXPECT_EQ(mended.span().dropped_attributes_count(), 0u);
}

TEST(RepairRecordTest, CutsSurplusAttributesAndCountsThem) {
  for (const int extra : {-1, 0, 1}) {
    v1::Record record = GoodEvent();
    AddAttribute(record, "sluice.gid", "takes no room");
    for (size_t i = 0; i < limits::kAttributes + static_cast<size_t>(extra); ++i) {
      AddAttribute(record, "k" + std::to_string(i), "v");
    }
    record.mutable_event()->set_dropped_attributes_count(5);
    EXPECT_EQ(Check(record).flaws.surplus_attributes, extra > 0 ? extra : 0);
    const v1::Record mended = Repaired(record);
    EXPECT_EQ(mended.event().attributes_size(),
              static_cast<int>(limits::kAttributes) + (extra < 0 ? -1 : 0));
    EXPECT_EQ(mended.event().dropped_attributes_count(), extra > 0 ? 6u : 5u);
  }
}

TEST(RepairRecordTest, MakesTextValidWhereverItStands) {
  v1::Record record = GoodSpan();
  AddAttribute(record, "key1", "text1");
  auto* in_map = record.mutable_span()->add_attributes();
  in_map->set_key("map");
  auto* pair = in_map->mutable_value()->mutable_kvlist_value()->add_values();
  pair->set_key("key2");
  pair->mutable_value()->mutable_array_value()->add_values()->set_string_value("text2");
  record.mutable_span()->set_trace_state("state3");
  record.mutable_span()->add_events()->set_name("text4");
  record.mutable_span()->add_links()->set_trace_state("text5");
  record.mutable_span()->mutable_status()->set_message("text6");
  const std::string encoded = record.SerializeAsString();
  for (const char* text :
       {"app", "work", "key1", "text1", "key2", "text2", "state3", "text4", "text5", "text6"}) {
    const std::string corrupted = Corrupted(encoded, text);
    const RecordVerdict verdict = CheckRecord(corrupted);
    EXPECT_EQ(verdict.fault, RecordFault::kNone) << text;
    EXPECT_TRUE(verdict.flaws.invalid_utf8) << text;
    const std::string mended = RepairRecord(corrupted);
    EXPECT_FALSE(CheckRecord(mended).flaws.any()) << text;
    EXPECT_NE(mended.find("\xef\xbf\xbd" + std::string(text + 1)), std::string::npos) << text;
  }
}

TEST(RepairRecordTest, LeavesBytesValuesAlone) {
  v1::Record record = GoodSpan();
  auto* attribute = record.mutable_span()->add_attributes();
  attribute->set_key("raw");
  attribute->mutable_value()->set_bytes_value("\xff\xfe");
  EXPECT_FALSE(Check(record).flaws.any());
}

TEST(RepairRecordTest, CutsALongTargetBetweenCodePoints) {
  v1::Record record = GoodSpan();
  record.set_target(std::string(limits::kTargetBytes, 't'));
  EXPECT_FALSE(Check(record).flaws.any());
  record.set_target(std::string(limits::kTargetBytes - 1, 't') + "é");
  EXPECT_TRUE(Check(record).flaws.long_target);
  EXPECT_EQ(Repaired(record).target(), std::string(limits::kTargetBytes - 1, 't'));
}

TEST(RepairRecordTest, KeepsUnknownFields) {
  v1::Record record = GoodSpan();
  AddAttribute(record, "sluice.x", "");
  std::string encoded = record.SerializeAsString();
  StringWireWriter(StringSink(&encoded)).Bytes(100, "kept");
  EXPECT_NE(RepairRecord(encoded).find("kept"), std::string::npos);
}

TEST(RepairRecordTest, GivesUpWhereTheMendedRecordWouldBeTooLarge) {
  v1::Record record = GoodSpan();
  AddAttribute(record, "k", std::string(40'000, 'x'));
  std::string encoded = record.SerializeAsString();
  const size_t at = encoded.find("xx");
  encoded.replace(at, 40'000, std::string(40'000, '\xff'));
  EXPECT_TRUE(CheckRecord(encoded).flaws.invalid_utf8);
  EXPECT_EQ(RepairRecord(encoded), "");
}

TEST(RepairResourceTest, DropsReservedAttributesAndMendsText) {
  Resource resource;
  resource.add_attributes()->set_key("service.name");
  resource.mutable_attributes(0)->mutable_value()->set_string_value("app");
  bool changed = true;
  const std::string encoded = resource.SerializeAsString();
  EXPECT_EQ(RepairResource(encoded, &changed), encoded);
  EXPECT_FALSE(changed);

  resource.add_attributes()->set_key("sluice.uid");
  Resource mended;
  ASSERT_TRUE(mended.ParseFromString(
      RepairResource(Corrupted(resource.SerializeAsString(), "app"), &changed)));
  EXPECT_TRUE(changed);
  ASSERT_EQ(mended.attributes_size(), 1);
  EXPECT_EQ(mended.attributes(0).value().string_value(), "\xef\xbf\xbdpp");
}

TEST(RepairResourceTest, EmptiesOneOfTooManyAttributes) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  for (size_t i = 0; i < limits::kAttributes; ++i) writer.Bytes(1, "");
  bool changed = true;
  EXPECT_EQ(RepairResource(encoded, &changed), encoded);
  EXPECT_FALSE(changed);
  writer.Bytes(1, "");
  EXPECT_EQ(RepairResource(encoded, &changed), "");
  EXPECT_TRUE(changed);
}

TEST(RepairResourceTest, EmptiesWhatIsNoResource) {
  bool changed = false;
  EXPECT_EQ(RepairResource("\x0a", &changed), "");
  EXPECT_TRUE(changed);
  EXPECT_EQ(RepairResource("\x10\x01", &changed), "\x10\x01");
  std::string large;
  StringWireWriter(StringSink(&large)).Bytes(9, std::string(limits::kResourceBytes - 2, 'x'));
  EXPECT_FALSE(CheckResource(large).sound);
  large.clear();
  StringWireWriter(StringSink(&large)).Bytes(9, std::string(limits::kResourceBytes - 3, 'x'));
  EXPECT_EQ(large.size(), limits::kResourceBytes);
  EXPECT_TRUE(CheckResource(large).sound);
}

}  // namespace
}  // namespace sluice
