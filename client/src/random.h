// Ids that nobody else makes: one generator a thread, seeded by the kernel.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace sluice {

// xoshiro256++ (Blackman and Vigna). Zero-initialised it is not seeded yet. No number is zero.
class Random {
 public:
  uint64_t Next() {
    EnsureSeeded();
    return state_.Next();
  }
  // Three for little more than one: the state is loaded and stored once.
  std::array<uint64_t, 3> NextThree() {
    EnsureSeeded();
    State state = state_;
    const std::array<uint64_t, 3> numbers = {state.Next(), state.Next(), state.Next()};
    state_ = state;
    return numbers;
  }
  // Takes a new seed before the next number.
  void Forget() { is_seeded_ = false; }

 private:
  struct State {
    uint64_t a, b, c, d;

    uint64_t Next() {
      uint64_t number = Step();
      while (number == 0) [[unlikely]] number = Step();
      return number;
    }
    uint64_t Step() {
      const uint64_t result = std::rotl(a + d, 23) + a;
      const uint64_t shifted = b << 17;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = std::rotl(d, 45);
      return result;
    }
  };

  void EnsureSeeded() {
    if (!is_seeded_) [[unlikely]]
      Seed();
  }
  void Seed();

  State state_ = {};
  bool is_seeded_ = false;
};

// From the kernel; where it has none so early in boot, from clock, pid and address.
void FillRandom(void* bytes, int size);

}  // namespace sluice
