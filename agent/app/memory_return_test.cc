#include "agent/app/memory_return.h"

#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::app {
namespace {

constexpr size_t kMiB = 1024 * 1024;

TEST(MemoryReturnTest, PaysWhereMuchIsHeldThatIsNotInUse) {
  EXPECT_FALSE(MemoryReturn::IsWorthIt(20 * kMiB, 10 * kMiB, 0));
  EXPECT_TRUE(MemoryReturn::IsWorthIt(40 * kMiB, 10 * kMiB, 0));
  EXPECT_FALSE(MemoryReturn::IsWorthIt(400 * kMiB, 390 * kMiB, 0)) << "it is in use";
  EXPECT_FALSE(MemoryReturn::IsWorthIt(40 * kMiB, 10 * kMiB, 35 * kMiB)) << "what was left then";
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
size_t ResidentMiB() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) / kMiB;
}

TEST(MemoryReturnTest, ReturnsWhatLiesBetweenWhatIsInUse) {
  std::vector<std::unique_ptr<char[]>> many;
  for (int i = 0; i < 100'000; ++i) many.push_back(std::make_unique<char[]>(1000));
  const size_t full = ResidentMiB();
  for (size_t i = 0; i < many.size(); ++i) {
    if (i % 100 != 99) many[i] = nullptr;
  }
  ASSERT_GT(ResidentMiB() + 10, full) << "the allocator keeps it";
  {
    MemoryReturn memory;
    memory.Look();
  }
  EXPECT_LT(ResidentMiB() + 60, full);
}
#endif

}  // namespace
}  // namespace sluice::app
