// Each sanitizer this build was asked for ends a process that does what it forbids.
#include <gtest/gtest.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <thread>

namespace {

#ifdef SLUICE_EXPECT_ADDRESS
TEST(SanitizersTest, AddressSanitizerStopsAUseAfterFree) {
  const auto read_freed = [] {
    auto owner = std::make_unique<int>(1);
    const volatile int* const freed = owner.get();
    owner.reset();
    return *freed;
  };
  EXPECT_DEATH(read_freed(), "AddressSanitizer: heap-use-after-free");
}
#endif

#ifdef SLUICE_EXPECT_UNDEFINED
TEST(SanitizersTest, UndefinedBehaviorSanitizerStopsASignedOverflow) {
  volatile int number = INT_MAX;
  EXPECT_DEATH(number = number + 1, "signed integer overflow");
}
#endif

#ifdef SLUICE_EXPECT_THREAD
TEST(SanitizersTest, ThreadSanitizerReportsARace) {
  const auto race = [] {
    int number = 0;
    std::thread other([&number] { ++number; });
    ++number;
    other.join();
    std::exit(0);
  };
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(race(), "ThreadSanitizer: data race");
}
#endif

}  // namespace
