#include "client/src/random.h"

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace sluice {
namespace {

// SplitMix64, to spread what little is known over all bits.
uint64_t Spread(uint64_t* state) {
  uint64_t mixed = (*state += 0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  return mixed ^ mixed >> 31;
}

void FillFromSurroundings(char* bytes, int size) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t state = static_cast<uint64_t>(now.tv_nsec) ^ static_cast<uint64_t>(now.tv_sec) << 30 ^
                   static_cast<uint64_t>(getpid()) << 48 ^ reinterpret_cast<uintptr_t>(bytes);
  for (int i = 0; i < size; ++i) bytes[i] = static_cast<char>(Spread(&state));
}

}  // namespace

void FillRandom(void* bytes, int size) {
  const int saved_errno = errno;
  const ssize_t filled = getrandom(bytes, static_cast<size_t>(size), GRND_NONBLOCK);
  if (filled != size) FillFromSurroundings(static_cast<char*>(bytes), size);
  errno = saved_errno;
}

void Random::Seed() {
  FillRandom(&state_, sizeof(state_));
  state_ |= 1;
}

}  // namespace sluice
