#include "agent/base/descriptor_reserve.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

struct LimitCase {
  int limit;
  int reserved;
};

class DescriptorReserveTest : public ::testing::TestWithParam<LimitCase> {
 protected:
  DescriptorReserveTest() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered{static_cast<rlim_t>(GetParam().limit), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~DescriptorReserveTest() override { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

UniqueFd OpenOne() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST_P(DescriptorReserveTest, KeepsTheLast) {
  std::vector<UniqueFd> taken;
  while (UniqueFd next = UnlessReserved(OpenOne())) taken.push_back(std::move(next));
  const int first_reserved = OpenOne().release();
  EXPECT_EQ(first_reserved, GetParam().limit - GetParam().reserved);
  EXPECT_TRUE(IsReserved(first_reserved));
  EXPECT_FALSE(IsReserved(taken.back().get()));
  ::close(first_reserved);
}

TEST_P(DescriptorReserveTest, NoDescriptorIsNoneOfThem) { EXPECT_FALSE(IsReserved(-1)); }

INSTANTIATE_TEST_SUITE_P(Limits, DescriptorReserveTest,
                         ::testing::Values(LimitCase{100, 25},
                                           LimitCase{400, kReservedDescriptors}));

}  // namespace
}  // namespace sluice::net
