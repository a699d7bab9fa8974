#include "agent/base/descriptor_reserve.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace sluice::net {

bool IsReserved(int fd) {
  rlimit limit{};
  if (fd < 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const rlim_t kept = std::min<rlim_t>(kReservedDescriptors, limit.rlim_cur / 4);
  return static_cast<rlim_t>(fd) >= limit.rlim_cur - kept;
}

UniqueFd UnlessReserved(UniqueFd fd) { return IsReserved(fd.get()) ? UniqueFd() : std::move(fd); }

}  // namespace sluice::net
