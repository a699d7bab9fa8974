// Preloaded into the agent while callgrind counts: its clock goes fifty times slower, as the
// program does. Otherwise work would be cut by time into more and smaller slices than it is in
// earnest.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t id, timespec* at) {
  constexpr long kSecond = 1'000'000'000;
  static long begin = 0;
  const long result = ::syscall(SYS_clock_gettime, id, at);
  if (id != CLOCK_BOOTTIME || result != 0) return static_cast<int>(result);
  const long now = at->tv_sec * kSecond + at->tv_nsec;
  if (begin == 0) begin = now;
  const long slow = begin + (now - begin) / 50;
  at->tv_sec = slow / kSecond;
  at->tv_nsec = slow % kSecond;
  return 0;
}
