// Ids that nobody else makes: one generator a thread, seeded by the kernel.
#pragma once

#include <cstdint>

namespace sluice {

// xoshiro256++ (Blackman and Vigna). Zero-initialised it is not seeded yet.
class Random {
 public:
  // Never zero.
  uint64_t Next() {
    if (!is_seeded_) [[unlikely]]
      Seed();
    uint64_t number;
    do {
      number = Step();
    } while (number == 0);
    return number;
  }
  // Takes a new seed before the next number.
  void Forget() { is_seeded_ = false; }

 private:
  static uint64_t Rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }
  uint64_t Step() {
    const uint64_t result = Rotate(state_[0] + state_[3], 23) + state_[0];
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }
  void Seed();

  uint64_t state_[4] = {};
  bool is_seeded_ = false;
};

// From the kernel; where it has none so early in boot, from clock, pid and address.
void FillRandom(void* bytes, int size);

}  // namespace sluice
