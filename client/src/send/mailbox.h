// Where the sender sleeps and how it is woken, by one futex. Callers touch no file descriptor: a
// program may close all of its descriptors, and their numbers then name its own files.
//
// Who emits publishes a record, then calls Notify. Who sleeps calls BeginSleep, looks once more for
// records, then Sleep. Either the sleeper sees the record or the emitter sees the sleeper. That
// takes a full fence on both sides; the emitter's is made by the sleeper, through membarrier(2),
// since it would cost each record what a miss of the ring's cold lines costs.
#pragma once

#include <atomic>
#include <cstdint>

#include "client/rpc/status.h"

namespace sluice {

class Mailbox {
 public:
  enum State : uint32_t {
    kAwake,       // looks for records by itself, within a millisecond
    kAsleep,      // until a record comes
    kWaiting,     // until a moment, records or not; an urgent call ends it
    kNotStarted,  // there is no sender yet: the first record starts it
  };

  // Callers; thread-safe. True: the caller must start the sender.
  bool Notify() {
    if (state_.load(std::memory_order_relaxed) == kAwake) [[likely]]
      return false;
    return NotifyInactive();
  }
  // Also ends a wait; for Flush and exit.
  bool NotifyUrgent();

  // The sender. Once, before the rest.
  void RegisterSleeper();
  void BeginSleep(State state);
  // Until notified or until `deadline`. Awake afterwards.
  void Sleep(State state, rpc::Deadline deadline);
  void StayAwake() { state_.store(kAwake, std::memory_order_seq_cst); }

  // Who was told to start the sender and could not.
  void NotStarted() { state_.store(kNotStarted, std::memory_order_seq_cst); }

  uint64_t wakes() const { return wakes_.load(std::memory_order_relaxed); }

 private:
  bool NotifyInactive();
  bool Wake(uint32_t seen);

  alignas(64) std::atomic<uint32_t> state_{kNotStarted};
  std::atomic<uint64_t> wakes_{0};
  bool has_membarrier_ = false;  // the sender's
};

// futex(2) on a word of this process. Wait returns at once unless the word is `expected`.
void FutexWait(const std::atomic<uint32_t>* word, uint32_t expected, rpc::Deadline deadline);
void FutexWakeAll(const std::atomic<uint32_t>* word);

}  // namespace sluice
