// What each thread has for itself.
#pragma once

#include <string_view>

#include "client/include/sluice/sluice.h"
#include "client/src/random.h"
#include "client/src/span_pool.h"

namespace sluice {

// Zero-initialised, so that a thread's first use runs no constructor and allocates nothing.
struct ThreadState {
  sluice_context current;
  Random random;
  SlotMagazine magazine;
  bool is_registered;  // what it keeps is taken back when it ends
  char* text;          // from malloc: see KeepText
};

// Initial-exec: a plain offset from the thread pointer, also in the shared library. It fits the
// room that the C library keeps for libraries loaded late.
extern thread_local constinit ThreadState thread_state __attribute__((tls_model("initial-exec")));

// Has what the calling thread keeps taken back when it ends.
void RegisterThread();

// A copy that lives until the calling thread keeps the next one; of no data where memory is short.
sluice_text KeepText(std::string_view text);

}  // namespace sluice
