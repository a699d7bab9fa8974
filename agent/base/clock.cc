#include "agent/base/clock.h"

#include <ctime>

namespace sluice {
namespace {

uint64_t Read(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class SystemClock final : public Clock {
 public:
  uint64_t UnixNano() const override { return Read(CLOCK_REALTIME); }
  uint64_t BootNano() const override { return Read(CLOCK_BOOTTIME); }
};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock* const clock = new SystemClock;
  return *clock;
}

}  // namespace sluice
