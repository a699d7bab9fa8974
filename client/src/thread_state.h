// What each thread has for itself.
#pragma once

#include "client/include/sluice/sluice.h"
#include "client/src/random.h"
#include "client/src/span_pool.h"

namespace sluice {

// Zero-initialised, so that a thread's first use runs no constructor and allocates nothing.
struct ThreadState {
  sluice_context current;
  Random random;
  SlotMagazine magazine;
  bool is_registered;  // its slots are taken back when the thread ends
};

// Initial-exec: a plain offset from the thread pointer, also in the shared library. It fits the
// room that the C library keeps for libraries loaded late.
extern thread_local constinit ThreadState thread_state __attribute__((tls_model("initial-exec")));

// Has the slots that the calling thread keeps taken back when it ends.
void RegisterThread();

}  // namespace sluice
