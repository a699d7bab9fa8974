#include "client/src/sampler.h"

#include <gtest/gtest.h>

#include "client/src/random.h"
#include "proto/trace/uuid.h"

namespace sluice {
namespace {

TraceId RandomTraceId() {
  TraceId id;
  FillRandom(id.bytes.data(), static_cast<int>(id.bytes.size()));
  ShapeAsUuid4(&id);
  return id;
}

Sampler Parsed(std::string_view name, std::string_view argument = {}) {
  std::string error;
  const Sampler sampler = Sampler::Parse(name, argument, &error);
  EXPECT_EQ(error, "");
  return sampler;
}

int TakenOf(const Sampler& sampler, int count) {
  int taken = 0;
  for (int i = 0; i < count; ++i) taken += sampler.Takes(RandomTraceId(), false, 0);
  return taken;
}

TEST(SamplerTest, TakesEverythingByDefault) {
  EXPECT_TRUE(Parsed("").is_default());
  EXPECT_TRUE(Parsed("").Takes(RandomTraceId(), true, 0));
  EXPECT_EQ(TakenOf(Parsed("parentbased_always_on"), 100), 100);
}

TEST(SamplerTest, FollowsTheParentWhereAsked) {
  EXPECT_FALSE(Parsed("parentbased_always_on").Takes(RandomTraceId(), true, 0));
  EXPECT_TRUE(Parsed("parentbased_always_off").Takes(RandomTraceId(), true, 1));
  EXPECT_FALSE(Parsed("parentbased_always_off").Takes(RandomTraceId(), false, 1));
  EXPECT_TRUE(Parsed("always_on").Takes(RandomTraceId(), true, 0));
}

TEST(SamplerTest, TakesItsShareOfTraces) {
  EXPECT_EQ(TakenOf(Parsed("traceidratio", "0"), 100), 0);
  EXPECT_EQ(TakenOf(Parsed("traceidratio"), 100), 100);
  EXPECT_NEAR(TakenOf(Parsed("parentbased_traceidratio", "0.25"), 20'000), 5'000, 500);
  // The same for everybody who sees the trace.
  const TraceId id = RandomTraceId();
  EXPECT_EQ(Parsed("traceidratio", "0.5").Takes(id, false, 0),
            Parsed("traceidratio", "0.5").Takes(id, false, 0));
}

TEST(SamplerTest, SaysWhatItCannotRead) {
  std::string error;
  EXPECT_TRUE(Sampler::Parse("sometimes", "", &error).is_default());
  EXPECT_EQ(error, "there is no sampler 'sometimes'");
  for (const char* argument : {"1.5", "-1", "nan", "half", "0.5x"}) {
    error.clear();
    EXPECT_TRUE(Sampler::Parse("traceidratio", argument, &error).is_default()) << argument;
    EXPECT_NE(error, "") << argument;
  }
}

}  // namespace
}  // namespace sluice
