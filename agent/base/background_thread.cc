#include "agent/base/background_thread.h"

#include <pthread.h>
#include <sys/resource.h>

namespace sluice {

void BecomeBackgroundThread(const std::string& name, int nice) {
  ::pthread_setname_np(::pthread_self(), name.c_str());
  // In Linux the number 0 means the calling thread, not its process.
  if (::getpriority(PRIO_PROCESS, 0) < nice) ::setpriority(PRIO_PROCESS, 0, nice);
}

}  // namespace sluice
