// What a table counts for its spans is what they take of the allocator, to within a fifth.
// Sanitizers have allocators of their own, so this is tested without.
#include <malloc.h>

#include <memory>

#include "agent/live/span_table.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"

namespace sluice::live {
namespace {

constexpr int kSpans = 5'000;

size_t InUse() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Shape {
  const char* name;
  size_t name_bytes;
  size_t text_bytes;
  size_t resource_bytes;
  int updates;
};

class SpanMemoryTest : public ::testing::TestWithParam<Shape> {
 protected:
  static void SetId(int n, v1::Record* record) {
    std::string id(8, '\0');
    id[0] = static_cast<char>(n);
    id[1] = static_cast<char>(n >> 8);
    id[7] = 1;
    record->mutable_span()->set_span_id(id);
  }

  static void Apply(const v1::Record& record, const std::shared_ptr<const Origin>& origin,
                    SpanTable* table) {
    const std::string encoded = record.SerializeAsString();
    table->Apply(*ReadRecord(encoded), origin, 0);
  }

  // Each span is one of a batch of its own.
  static void Fill(const Shape& shape, SpanTable* table) {
    for (int n = 0; n < kSpans; ++n) {
      auto origin = std::make_shared<Origin>();
      origin->identity.uid = 5;
      origin->identity.unit = "some-name.service";
      origin->resource = std::string(shape.resource_bytes, 'r');
      v1::Record start =
          testing::StartRecord(1, 1, n % 2 == 0 ? 0 : 9, std::string(shape.name_bytes, 'n'));
      SetId(n, &start);
      if (shape.text_bytes > 0) {
        testing::AddTextAttribute(&start, "text", std::string(shape.text_bytes, 't'));
      }
      Apply(start, origin, table);
      for (int update = 0; update < shape.updates; ++update) {
        v1::Record more = testing::UpdateRecord(1, 1);
        SetId(n, &more);
        testing::AddTextAttribute(&more, "more", std::string(50, 'm'));
        Apply(more, origin, table);
      }
    }
  }
};

TEST_P(SpanMemoryTest, IsWhatIsCounted) {
  SpanTable table;
  const size_t before = InUse();
  Fill(GetParam(), &table);
  const double taken = static_cast<double>(InUse() - before);
  ASSERT_EQ(table.size(), size_t{kSpans});
  const double counted = static_cast<double>(table.BytesOfUsers());
  EXPECT_NEAR(counted / taken, 1.0, 0.2)
      << "counted " << counted / kSpans << " of " << taken / kSpans << " bytes each";
}

INSTANTIATE_TEST_SUITE_P(Shapes, SpanMemoryTest,
                         ::testing::Values(Shape{"Small", 10, 0, 0, 0},
                                           Shape{"Named", 40, 0, 100, 0},
                                           Shape{"WithText", 20, 400, 300, 0},
                                           Shape{"Large", 100, 20'000, 16'000, 0},
                                           Shape{"Updated", 20, 20, 0, 20}),
                         [](const auto& info) { return info.param.name; });

TEST(DroppedSpanMemoryTest, IsWhatIsCounted) {
  SpanTable table;
  const size_t before = InUse();
  for (int n = 0; n < 10'000; ++n) {
    SpanKey key{5, testing::MakeId<TraceId>(1), testing::MakeId<SpanId>(1)};
    key.span_id.bytes[0] = static_cast<uint8_t>(n);
    key.span_id.bytes[1] = static_cast<uint8_t>(n >> 8);
    table.AddDropped(key, {});
  }
  const double taken = static_cast<double>(InUse() - before);
  EXPECT_NEAR(static_cast<double>(table.BytesOfUsers()) / taken, 1.0, 0.2) << taken / 10'000;
}

}  // namespace
}  // namespace sluice::live
