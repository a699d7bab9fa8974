#include "agent/sinks/otlp/sampler.h"

#include <random>

#include "gtest/gtest.h"

namespace sluice::otlp {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

class RandomIds {
 public:
  TraceId Next() {
    TraceId id;
    for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random_());
    return id;
  }

 private:
  std::mt19937 random_{7};
};

TEST(SamplerTest, ReadsSharesAndRates) {
  EXPECT_EQ(ParseSampleRate("0.1"), SampleRate{.share = 0.1});
  EXPECT_EQ(ParseSampleRate("1"), SampleRate());
  EXPECT_EQ(ParseSampleRate("0"), SampleRate{.share = 0});
  EXPECT_EQ(ParseSampleRate("100/s"), SampleRate{.per_second = 100});
  for (const char* text : {"", "1.5", "-0.1", "ten", "0.1 ", "0/s", "/s", "10/m", "nan"}) {
    EXPECT_EQ(ParseSampleRate(text), std::nullopt) << text;
  }
  EXPECT_TRUE(Sampler(SampleRate()).keeps_all());
}

TEST(SamplerTest, KeepsTheShareOfAllTraces) {
  Sampler tenth(SampleRate{.share = 0.1}), half(SampleRate{.share = 0.5});
  RandomIds ids;
  int kept = 0;
  for (int i = 0; i < 100'000; ++i) {
    const TraceId id = ids.Next();
    const bool keeps = tenth.Keeps(id, 0);
    EXPECT_EQ(tenth.Keeps(id, 5 * kSecond), keeps) << "a trace is kept or not";
    if (keeps) {
      ++kept;
      EXPECT_TRUE(half.Keeps(id, 0)) << "who keeps more keeps these, too";
    }
  }
  EXPECT_NEAR(kept, 10'000, 500);
}

TEST(SamplerTest, KeepsAllOrNothing) {
  Sampler all(SampleRate{.share = 1}), none(SampleRate{.share = 0});
  RandomIds ids;
  for (int i = 0; i < 1000; ++i) {
    const TraceId id = ids.Next();
    EXPECT_TRUE(all.Keeps(id, 0));
    EXPECT_FALSE(none.Keeps(id, 0));
  }
}

TEST(SamplerTest, AdaptsToWhatComes) {
  Sampler sampler(SampleRate{.per_second = 100});
  RandomIds ids;
  const auto second = [&](uint64_t number, int spans) {
    int kept = 0;
    for (int i = 0; i < spans; ++i) {
      const uint64_t now =
          number * kSecond + static_cast<uint64_t>(i) * kSecond / static_cast<uint64_t>(spans);
      kept += sampler.Keeps(ids.Next(), now) ? 1 : 0;
    }
    return kept;
  };
  EXPECT_EQ(second(10, 50), 50);
  second(11, 10'000);
  int kept = 0;
  for (uint64_t number = 12; number < 17; ++number) kept += second(number, 10'000);
  EXPECT_NEAR(kept, 500, 75);
  second(17, 50);
  EXPECT_EQ(second(18, 50), 50);
}

}  // namespace
}  // namespace sluice::otlp
