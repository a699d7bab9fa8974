// Spans with four attributes on the caller's thread, for tests/bench/instructions, which compiles
// this against the public headers and the library of the tree that it measures.
//
//   span_calls SPANS [object | macro | function | context | baggage]
//
// `context`: in a context that was attached; `baggage`: whose five members become attributes as
// well. Ends with 1 if any span was dropped: it would have cost less.
#define SLUICE_TARGET "bench::span"

#include <cstdlib>
#include <string_view>

#include "sluice/sluice.hpp"

namespace {

void EmitSpan(int i) {
  const sluice::Span span("GET /accounts",
                          {{"user", "azureuser"}, {"i", i}, {"ok", true}, {"load", 0.5}},
                          {.target = "bench::span"});
}

void EmitSpanOfMacro(int i) {
  SLUICE_SPAN("GET /accounts", {"user", "azureuser"}, {"i", i}, {"ok", true}, {"load", 0.5});
}

void EmitSpanOfFunction(int i) {
  SLUICE_FUNCTION(.name = "GET /accounts",
                  .fields = {{"user", "azureuser"}, {"i", i}, {"ok", true}, {"load", 0.5}});
}

using Emit = void (*)(int);

Emit EmitOf(std::string_view form) {
  if (form == "macro") return EmitSpanOfMacro;
  if (form == "function") return EmitSpanOfFunction;
  return EmitSpan;
}

sluice::Context WithFiveMembers() {
  return sluice::Context()
      .WithBaggage("app.run_id", "6f1c2f0e-0f2b-4c0e-9d3a-0d6a1c7be111")
      .WithBaggage("app.thread_id", "77aa2f0e-0f2b-4c0e-9d3a-0d6a1c7be222")
      .WithBaggage("app.tenant", "default")
      .WithBaggage("app.project_id", "research")
      .WithBaggage("app.label", "nightly");
}

}  // namespace

// What callgrind counts; named without C++'s mangling and never inlined, so that it is found.
extern "C" __attribute__((noinline)) void EmitCountedSpans(Emit emit, int count) {
  for (int i = 0; i < count; ++i) emit(i);
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  const std::string_view form = argc == 3 ? argv[2] : "object";
  const Emit emit = EmitOf(form);
  if (form == "context" || form == "baggage") {
    sluice::Init({.baggage_keys = "app.*"});
    const sluice::Context context = form == "baggage" ? WithFiveMembers() : sluice::Context();
    sluice_context_attach(&context.raw());
  }
  for (int i = 0; i < 100; ++i) emit(i);  // the first use of a thread is another matter
  EmitCountedSpans(emit, std::atoi(argv[1]));
  const sluice::Stats stats = sluice::ReadStats();
  // Nobody waits for what the ring still holds.
  std::_Exit(stats.dropped_ring_full == 0 ? 0 : 1);
}
