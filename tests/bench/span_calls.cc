// Spans with four attributes on the caller's thread, for tests/bench/instructions, which compiles
// this against the public headers and the library of the tree that it measures.
//
//   span_calls SPANS
//
// Ends with 1 if any span was dropped: it would have cost less.
#include <cstdlib>

#include "sluice/sluice.hpp"

namespace {

void EmitSpan(int i) {
  const sluice::Span span("GET /accounts",
                          {{"user", "azureuser"}, {"i", i}, {"ok", true}, {"load", 0.5}},
                          {.target = "bench::span"});
}

}  // namespace

// What callgrind counts; named without C++'s mangling and never inlined, so that it is found.
extern "C" __attribute__((noinline)) void EmitCountedSpans(int count) {
  for (int i = 0; i < count; ++i) EmitSpan(i);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (int i = 0; i < 100; ++i) EmitSpan(i);  // the first use of a thread is another matter
  EmitCountedSpans(std::atoi(argv[1]));
  const sluice::Stats stats = sluice::ReadStats();
  // Nobody waits for what the ring still holds.
  std::_Exit(stats.dropped_ring_full == 0 ? 0 : 1);
}
