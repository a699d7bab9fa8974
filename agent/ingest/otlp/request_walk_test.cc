#include "agent/ingest/otlp/request_walk.h"

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/ingest/otlp/envelope_check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "tests/support/admission_fixture.h"

namespace sluice::ingest::otlp {
namespace {

namespace v1 = sluice::otlp::v1;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Everything that a request or an entry says of one item.
struct Item {
  std::string resource, schema_url, rest;  // of the resource
  std::string around;                      // of the scope: its other fields, whole, in order
  std::string item;                        // its field, whole

  bool operator==(const Item&) const = default;
};

std::string_view Whole(const char* begin, const WireReader& reader) {
  return {begin, static_cast<size_t>(reader.position() - begin)};
}

void ReadScope(std::string_view scope, Item so_far, std::vector<Item>* items) {
  std::vector<std::string> found;
  WireReader reader(scope);
  const char* begin = reader.position();
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    if (field.number() == scope_spans_field::kSpans) {
      found.emplace_back(Whole(begin, reader));
    } else {
      so_far.around += Whole(begin, reader);
    }
  }
  for (std::string& item : found) {
    so_far.item = std::move(item);
    items->push_back(so_far);
  }
}

// A second reading of the wire, by what OTLP says.
std::vector<Item> ItemsOfRequest(std::string_view request) {
  std::vector<Item> items;
  for (const std::string_view resource :
       FieldRange(request, export_request_field::kResourceSpans)) {
    Item head;
    WireReader reader(resource);
    const char* begin = reader.position();
    for (WireField field; reader.Next(&field); begin = reader.position()) {
      if (field.number() == resource_spans_field::kResource) head.resource += field.bytes;
      if (field.number() == resource_spans_field::kSchemaUrl) head.schema_url = field.bytes;
      if (field.number() > resource_spans_field::kLast) head.rest += Whole(begin, reader);
    }
    for (const std::string_view scope : FieldRange(resource, resource_spans_field::kScopeSpans)) {
      ReadScope(scope, head, &items);
    }
  }
  return items;
}

std::string UnknownField(std::mt19937& random) {
  std::string bytes;
  StringWireWriter writer{StringSink(&bytes)};
  const uint32_t number = 100 + random() % 2000;
  switch (random() % 3) {
    case 0:
      writer.Varint(number, random());
      break;
    case 1:
      writer.Bytes(number, std::string(random() % 40, static_cast<char>(random())));
      break;
    default:
      writer.Fixed64(number, random());
  }
  return bytes;
}

template <typename Message>
void AddUnknown(Message* message, std::mt19937& random) {
  while (random() % 3 == 0) {
    const std::string field = UnknownField(random);
    ASSERT_TRUE(message->MergeFromString(field));
  }
}

v1::AnyValue RandomValue(std::mt19937& random, int depth) {
  v1::AnyValue value;
  switch (random() % (depth > 0 ? 8 : 6)) {
    case 0:
      value.set_string_value(std::string(random() % 200, 'x'));
      break;
    case 1:
      value.set_bool_value(true);
      break;
    case 2:
      value.set_int_value(static_cast<int64_t>(random()) << 20);
      break;
    case 3:
      value.set_double_value(0.5);
      break;
    case 4:
      value.set_bytes_value("\xff\0\x01");
      break;
    case 5:
      break;
    case 6:
      for (size_t i = random() % 4; i > 0; --i) {
        *value.mutable_array_value()->add_values() = RandomValue(random, depth - 1);
      }
      break;
    default:
      for (size_t i = random() % 4; i > 0; --i) {
        auto* const pair = value.mutable_kvlist_value()->add_values();
        pair->set_key(absl::StrCat("k", i));
        *pair->mutable_value() = RandomValue(random, depth - 1);
      }
  }
  AddUnknown(&value, random);
  return value;
}

template <typename Message>
void AddAttributes(Message* message, std::mt19937& random) {
  for (size_t i = random() % 4; i > 0; --i) {
    auto* const attribute = message->add_attributes();
    attribute->set_key(absl::StrCat("key.", random() % 9));
    *attribute->mutable_value() = RandomValue(random, 3);
    AddUnknown(attribute, random);
  }
  if (random() % 2 == 0) message->set_dropped_attributes_count(random() % 9);
  AddUnknown(message, random);
}

void FillItem(v1::Span* span, std::mt19937& random) {
  span->set_trace_id(std::string(16, 't'));
  span->set_span_id(std::string(8, 's'));
  span->set_parent_span_id(std::string(8, 'p'));
  span->set_trace_state("a=b");
  span->set_name(std::string(random() % 60, 'n'));
  span->set_kind(v1::Span::SPAN_KIND_CLIENT);
  span->set_start_time_unix_nano(1 + random());
  span->set_end_time_unix_nano(2 + random());
  span->set_flags(0xffffffff);
  AddAttributes(span, random);
  if (random() % 2 == 0) AddAttributes(span->add_events(), random);
  if (random() % 2 == 0) AddAttributes(span->add_links(), random);
  span->mutable_status()->set_code(v1::Status::STATUS_CODE_ERROR);
  AddUnknown(span->mutable_status(), random);
}

void FillItem(v1::LogRecord* event, std::mt19937& random) {
  event->set_time_unix_nano(random());
  event->set_observed_time_unix_nano(random());
  event->set_severity_number(v1::SEVERITY_NUMBER_ERROR3);
  event->set_event_name("name");
  event->set_trace_id(std::string(16, 't'));
  *event->mutable_body() = RandomValue(random, 4);
  AddAttributes(event, random);
}

template <typename Request, typename AddResource, typename AddScope, typename AddItem>
std::string RandomRequest(std::mt19937& random, size_t scopes, size_t items,
                          AddResource add_resource, AddScope add_scope, AddItem add_item) {
  Request request;
  for (size_t r = random() % 4; r > 0; --r) {
    auto* const resource = add_resource(&request);
    AddAttributes(resource->mutable_resource(), random);
    resource->mutable_resource()->add_entity_refs()->add_id_keys("service.name");
    if (random() % 2 == 0) resource->set_schema_url("https://opentelemetry.io/schemas/1.30.0");
    AddUnknown(resource, random);
    for (size_t s = random() % scopes; s > 0; --s) {
      auto* const scope = add_scope(resource);
      scope->mutable_scope()->set_name("lib");
      scope->mutable_scope()->set_version("1.2");
      AddAttributes(scope->mutable_scope(), random);
      scope->set_schema_url("https://opentelemetry.io/schemas/1.31.0");
      for (size_t i = random() % items; i > 0; --i) FillItem(add_item(scope), random);
      AddUnknown(scope, random);
    }
  }
  std::string encoded = request.SerializeAsString();
  encoded += UnknownField(random);
  return encoded;
}

std::string RandomTraces(std::mt19937& random, size_t scopes, size_t items) {
  return RandomRequest<v1::ExportTraceServiceRequest>(
      random, scopes, items, [](auto* request) { return request->add_resource_spans(); },
      [](auto* resource) { return resource->add_scope_spans(); },
      [](auto* scope) { return scope->add_spans(); });
}

std::string RandomLogs(std::mt19937& random, size_t scopes, size_t items) {
  return RandomRequest<v1::ExportLogsServiceRequest>(
      random, scopes, items, [](auto* request) { return request->add_resource_logs(); },
      [](auto* resource) { return resource->add_scope_logs(); },
      [](auto* scope) { return scope->add_log_records(); });
}

class RequestWalkTest : public AdmissionTest {
 protected:
  // Everything into the journal, in slices of so many fields.
  std::unique_ptr<RequestWalk> Store(Signal signal, std::string_view request,
                                     size_t fields = Slice{}.fields,
                                     std::string_view rejects_all = {}) {
    EnvelopeCheck check(request);
    while (true) {
      Slice slice{.fields = fields};
      const auto done = check.Work(&slice);
      EXPECT_TRUE(done.ok()) << done.status();
      if (!done.ok() || *done) break;
    }
    Identity identity;
    identity.uid = 7;
    auto walk = std::make_unique<RequestWalk>(RequestWalk::Options{.signal = signal,
                                                                   .identity = identity,
                                                                   .rejects_all = rejects_all,
                                                                   .wanted = &admission_->wanted()},
                                              request);
    for (Slice slice{.fields = fields};; slice = {.fields = fields}) {
      const RequestWalk::Next next = walk->Work(&slice);
      if (next == RequestWalk::Next::kEnd) break;
      if (next != RequestWalk::Next::kEntry) continue;
      const auto sequence = admission_->AppendScopes(walk->entry(), journal::Urgency::kGrouped);
      EXPECT_TRUE(sequence.ok()) << sequence.status();
      walk->EntryTaken();
    }
    journal_->CommitTurn();
    return walk;
  }

  // What a reader finds, in order.
  std::vector<Item> Stored(uint32_t scope_field) {
    std::vector<Item> items;
    const auto reader = journal_->OpenReader("");
    reader->Restore(0);
    while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
      EXPECT_EQ(entry->uid, 7u);
      largest_entry_ = std::max(largest_entry_, entry->batch.encoded.size());
      size_t count = items.size();
      Item head{.resource = std::string(entry->batch.resource),
                .schema_url = std::string(entry->batch.resource_schema_url),
                .rest = std::string(entry->batch.resource_rest)};
      for (const std::string_view scope : FieldRange(entry->batch.encoded, scope_field)) {
        scopes_.emplace_back(scope);
        ReadScope(scope, head, &items);
      }
      EXPECT_EQ(items.size() - count, entry->batch.sent_records);
      for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
        EXPECT_TRUE(records.Read().has_value());
        EXPECT_EQ(items[count].item.substr(items[count].item.size() - records.encoded().size()),
                  records.encoded());
        ++count;
      }
    }
    return items;
  }

  size_t largest_entry_ = 0;
  std::vector<std::string> scopes_;  // as stored
};

constexpr uint32_t kSpans = journal::journal_batch_field::kScopeSpans;
constexpr uint32_t kLogs = journal::journal_batch_field::kScopeLogs;

TEST_F(RequestWalkTest, KeepsEveryByteOfEveryTraceRequest) {
  std::mt19937 random(1);
  std::vector<Item> sent;
  std::vector<std::string> scopes;
  for (int i = 0; i < 200; ++i) {
    const std::string request = RandomTraces(random, 4, 6);
    const auto walk = Store(Signal::kTraces, request, 1 + random() % 30);
    EXPECT_EQ(walk->rejections().Message(), "");
    EXPECT_THAT(walk->repairs(), IsEmpty());
    for (Item& item : ItemsOfRequest(request)) sent.push_back(std::move(item));
    for (const std::string_view resource : FieldRange(request, 1)) {
      for (const std::string_view scope : FieldRange(resource, 2)) {
        if (FieldRange(scope, 2).begin() != std::default_sentinel) scopes.emplace_back(scope);
      }
    }
  }
  EXPECT_GT(sent.size(), 300u);
  EXPECT_TRUE(Stored(kSpans) == sent);
  EXPECT_TRUE(scopes_ == scopes) << "a whole scope is not taken apart";
}

TEST_F(RequestWalkTest, KeepsEveryByteOfEveryLogsRequest) {
  std::mt19937 random(2);
  std::vector<Item> sent;
  for (int i = 0; i < 200; ++i) {
    const std::string request = RandomLogs(random, 4, 6);
    Store(Signal::kLogs, request, 1 + random() % 30);
    for (Item& item : ItemsOfRequest(request)) sent.push_back(std::move(item));
  }
  EXPECT_GT(sent.size(), 300u);
  EXPECT_TRUE(Stored(kLogs) == sent);
}

TEST_F(RequestWalkTest, CutsALongRequestBetweenItems) {
  std::mt19937 random(3);
  std::string request;
  while (request.size() < 5'000'000) request += RandomTraces(random, 4, 3000);
  Store(Signal::kTraces, request);
  EXPECT_TRUE(Stored(kSpans) == ItemsOfRequest(request));
  EXPECT_LT(largest_entry_, RequestWalk::kEntryBytes + 64 * 1024);
}

// Two scopes of two spans each, the last span of the first scope changed.
struct TwoScopes {
  TwoScopes() {
    std::mt19937 random(4);
    auto* const resource = request.add_resource_spans();
    for (int s = 0; s < 2; ++s) {
      auto* const scope = resource->add_scope_spans();
      scope->mutable_scope()->set_name("lib");
      scope->set_schema_url("url");
      FillItem(scope->add_spans(), random);
      FillItem(scope->add_spans(), random);
    }
  }
  v1::Span* changed() {
    return request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(1);
  }

  v1::ExportTraceServiceRequest request;
};

TEST_F(RequestWalkTest, RejectsABadItemAloneAndNamesIt) {
  TwoScopes two;
  two.changed()->set_span_id("odd");
  const std::string request = two.request.SerializeAsString();
  const auto walk = Store(Signal::kTraces, request);
  EXPECT_EQ(walk->rejections().total(), 1u);
  EXPECT_EQ(walk->rejections().Message(),
            "1 spans rejected: bad_span_id 1; first "
            "resource_spans[0].scope_spans[0].spans[1] (bad_span_id)");
  std::vector<Item> expected = ItemsOfRequest(request);
  expected.erase(expected.begin() + 1);
  EXPECT_TRUE(Stored(kSpans) == expected);
}

TEST_F(RequestWalkTest, DropsWhatNobodyWantsWithoutRejectingIt) {
  TwoScopes two;
  auto* const level = two.changed()->add_attributes();
  level->set_key("level");
  level->mutable_value()->set_string_value("debug");
  admission_->set_wanted([](const live::Candidate& candidate) {
    EXPECT_EQ(candidate.record->target, "lib");
    return candidate.record->level != Level::kDebug;
  });
  // It failed, which counts as an error; the level alone is asked for here.
  const auto walk = Store(Signal::kTraces, two.request.SerializeAsString());
  EXPECT_EQ(walk->rejections().total(), 0u);
  EXPECT_EQ(walk->unwanted().at("unwanted_level"), 1u);
  EXPECT_THAT(Stored(kSpans), SizeIs(3));
}

TEST_F(RequestWalkTest, DropsReservedAttributesWhereverTheyStand) {
  TwoScopes two;
  auto* const resource = two.request.mutable_resource_spans(0);
  resource->mutable_resource()->add_attributes()->set_key("sluice.uid");
  resource->mutable_scope_spans(1)->mutable_scope()->add_attributes()->set_key("sluice.pid");
  two.changed()->add_attributes()->set_key("sluice.unit");
  two.changed()->add_events()->add_attributes()->set_key("sluice.unit");
  const auto walk = Store(Signal::kTraces, two.request.SerializeAsString());
  EXPECT_EQ(walk->repairs().at("reserved_attribute"), 2u);
  EXPECT_EQ(walk->repairs().at("resource"), 1u);
  EXPECT_EQ(walk->repairs().at("scope"), 1u);
  const std::vector<Item> stored = Stored(kSpans);
  ASSERT_THAT(stored, SizeIs(4));
  for (const Item& item : stored) {
    EXPECT_EQ((item.resource + item.around + item.item).find("sluice."), std::string::npos);
  }
  EXPECT_TRUE(stored[0] == ItemsOfRequest(TwoScopes().request.SerializeAsString())[0]);
}

TEST_F(RequestWalkTest, RejectsItemsWithinWhatIsTooLarge) {
  TwoScopes two;
  two.request.mutable_resource_spans(0)->mutable_scope_spans(1)->mutable_scope()->set_version(
      std::string(70'000, 'v'));
  auto* const second = two.request.add_resource_spans();
  second->CopyFrom(TwoScopes().request.resource_spans(0));
  second->set_schema_url(std::string(70'000, 'u'));
  const auto walk = Store(Signal::kTraces, two.request.SerializeAsString());
  EXPECT_EQ(walk->rejections().by_reason().at("scope_too_large"), 2u);
  EXPECT_EQ(walk->rejections().by_reason().at("resource_too_large"), 4u);
  EXPECT_THAT(Stored(kSpans), SizeIs(2));
}

TEST_F(RequestWalkTest, SaysWhereLogsBelongThatCameAsTraces) {
  std::mt19937 random(5);
  v1::ExportLogsServiceRequest logs;
  auto* const scope = logs.add_resource_logs()->add_scope_logs();
  FillItem(scope->add_log_records(), random);
  scope->add_log_records()->mutable_body()->set_string_value("no time, no severity");
  const auto walk = Store(Signal::kTraces, logs.SerializeAsString());
  EXPECT_EQ(walk->rejections().total(), 2u);
  EXPECT_THAT(walk->rejections().Message(), HasSubstr("LogsService or /v1/logs"));
  const auto other = Store(Signal::kLogs, TwoScopes().request.SerializeAsString());
  EXPECT_THAT(other->rejections().Message(), HasSubstr("TraceService or /v1/traces"));
}

TEST_F(RequestWalkTest, WorksOnAnyNumberOfPartsInSlices) {
  std::string request;
  StringWireWriter writer{StringSink(&request)};
  for (int i = 0; i < 100'000; ++i) writer.Bytes(1, i % 2 == 0 ? "" : std::string("\x12\x00", 2));
  Slice slice;
  EnvelopeCheck check(request);
  EXPECT_FALSE(*check.Work(&slice));
  const auto walk = Store(Signal::kTraces, request);
  EXPECT_EQ(walk->rejections().total(), 0u);
  EXPECT_THAT(Stored(kSpans), IsEmpty());
}

TEST(EnvelopeCheckTest, RefusesWhatCannotBeTakenApart) {
  const auto is_sound = [](std::string_view request) {
    EnvelopeCheck check(request);
    Slice slice;
    return check.Work(&slice).ok();
  };
  EXPECT_TRUE(is_sound(""));
  EXPECT_TRUE(is_sound(TwoScopes().request.SerializeAsString()));
  EXPECT_FALSE(is_sound("\x0a\x05"));
  EXPECT_FALSE(is_sound("\x08\x01")) << "a number where resources stand";
  EXPECT_FALSE(is_sound(std::string_view("\x0a\x02\x10\x01", 4))) << "a number where scopes stand";
  EXPECT_FALSE(is_sound(std::string_view("\x0a\x04\x12\x02\x10\x01", 6)));
  EXPECT_FALSE(is_sound(std::string_view("\x0a\x04\x0a\x02\x0a\x01", 6))) << "a broken resource";
  EXPECT_FALSE(is_sound(std::string_view("\x0a\x06\x12\x04\x0a\x02\x0a\x01", 8)))
      << "a broken scope";
  EXPECT_TRUE(is_sound(std::string_view("\x0a\x04\x12\x02\x12\x00", 6))) << "an empty item";
}

}  // namespace
}  // namespace sluice::ingest::otlp
