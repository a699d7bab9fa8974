#include "agent/base/scheduling.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace sluice {
namespace {

// The least that Linux takes.
constexpr uint64_t kShortSliceNanos = 100'000;

// sched_setattr(2), as of its first version. glibc has neither.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // the slice; 0: the usual one
  uint64_t deadline = 0;
  uint64_t period = 0;
};

// In Linux the number 0 means the calling thread, not its process.
int Nice() { return ::getpriority(PRIO_PROCESS, 0); }

// Where it is not permitted, threads stay as they were started; and so they do where the agent was
// given a policy without time slices.
void SetScheduling(int nice, uint64_t slice_nanos) {
  SchedulingAttributes attributes;
  attributes.policy = static_cast<uint32_t>(::sched_getscheduler(0));
  attributes.nice = nice;
  attributes.runtime = slice_nanos;
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void BecomeResponsiveThread() { SetScheduling(Nice(), kShortSliceNanos); }

void BecomeBackgroundThread(const std::string& name, int nice) {
  ::pthread_setname_np(::pthread_self(), name.c_str());
  SetScheduling(std::max(Nice(), nice), 0);
}

}  // namespace sluice
