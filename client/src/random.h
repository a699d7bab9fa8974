// Ids that nobody else makes: one generator a thread, seeded by the kernel.
#pragma once

#include <array>
#include <cstdint>

namespace sluice {

// The upper half of a 128-bit multiplicative congruential generator; its multiplier is of Steele
// and Vigna, "Computationally easy, spectrally good multipliers for congruential pseudorandom
// number generators" (2021). Zero-initialised it is not seeded yet. No number is zero.
class Random {
 public:
  uint64_t Next() {
    EnsureSeeded();
    return NextOf(&state_);
  }
  // Three for little more than one: the state is loaded and stored once.
  std::array<uint64_t, 3> NextThree() {
    EnsureSeeded();
    State state = state_;
    const std::array<uint64_t, 3> numbers = {NextOf(&state), NextOf(&state), NextOf(&state)};
    state_ = state;
    return numbers;
  }
  // Takes a new seed before the next number.
  void Forget() { state_ = 0; }

 private:
  __extension__ using State = unsigned __int128;

  static uint64_t NextOf(State* state) {
    uint64_t number = Step(state);
    while (number == 0) [[unlikely]] number = Step(state);
    return number;
  }
  static uint64_t Step(State* state) {
    *state *= 0xda942042e4dd58b5;
    return static_cast<uint64_t>(*state >> 64);
  }

  // A state is odd once it is seeded, and stays so.
  void EnsureSeeded() {
    if (static_cast<uint64_t>(state_) == 0) [[unlikely]]
      Seed();
  }
  void Seed();

  State state_ = 0;
};

// From the kernel; where it has none so early in boot, from clock, pid and address.
void FillRandom(void* bytes, int size);

}  // namespace sluice
